"""A real Chromium without a window, told over a pipe what to do (Chrome DevTools Protocol): one page at a time.

Protocol: https://chromedevtools.github.io/devtools-protocol; with --remote-debugging-pipe it reads messages from file
descriptor 3 and writes them to 4, each ended by a zero byte.
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
HOW = "no Chromium: run make editors, install one, or set OFFHAND_CHROMIUM"

#: Seconds that any answer may take on a very busy machine.
LIMIT_S = 60.0

_NAMES = ("chromium", "chromium-headless-shell", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """OFFHAND_CHROMIUM, else one on PATH, else the unpacked one."""
    unpacked = sorted((REPOSITORY / ".cache" / "browser").glob("*/bin/chromium-headless-shell"))
    return (
        os.environ.get("OFFHAND_CHROMIUM")
        or next(filter(None, map(shutil.which, _NAMES)), None)
        or next(map(str, unpacked), None)
    )


class Browser:
    """One running browser with one page.

    Attributes:
        requested: addresses that the page asked for, whether it got them or not; ``refused``: why it got none, if so.
        complaints: what the page's console or the browser said of it.
    """

    def __init__(self, program: str, home: Path) -> None:
        self.requested: list[str] = []
        self.refused: list[str] = []
        self.complaints: list[str] = []
        self._numbers = itertools.count(1)
        self._heard = b""
        theirs, self._say = os.pipe()
        self._hear, answers = os.pipe()
        flags = (
            "--headless=new",
            "--no-sandbox",  # tests may run as root; the only page is our own
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--remote-debugging-pipe",
            f"--user-data-dir={home}",
        )
        self._log = (home.parent / "browser.log").open("wb")
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{theirs} 4>&{answers}', program, *flags, "about:blank"],
            pass_fds=(theirs, answers),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        os.close(theirs)
        os.close(answers)
        self._session = ""
        try:
            target = self.tell("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime", "Audits"):
                self.tell(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask something of the browser, or of its page once there is one; events that come meanwhile are noted.

        Raises:
            AssertionError: it answers with an error, not in time, or not at all.
        """
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._say, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._next()
            if heard.get("id") == number:
                assert "error" not in heard, f"{method}: {heard['error']}"
                answer: dict[str, Any] = heard["result"]
                return answer
            self._note(heard)

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """Show a file as a screen so wide would."""
        self.requested.clear()
        self.refused.clear()
        self.complaints.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.tell("Page.navigate", url=page.as_uri())
        end = time.monotonic() + LIMIT_S
        while self.see("[document.readyState, location.href]") != ["complete", page.as_uri()]:
            assert time.monotonic() < end, "the page is not loaded"
            time.sleep(0.02)

    def see(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; asked from outside: its policy does not forbid that."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path: Path) -> bytes:
        """All of the page as a PNG, also written to a file."""
        answer = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        data = base64.b64decode(answer["data"])
        path.write_bytes(data)
        return data

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError, AssertionError):
            self._session = ""
            self.tell("Browser.close")
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._say)
        os.close(self._hear)
        self._log.close()

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._hear], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            data = os.read(self._hear, 1 << 16)
            assert data, "the browser is gone; see browser.log"
            self._heard += data
        message, _, self._heard = self._heard.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def _note(self, heard: dict[str, Any]) -> None:
        params = heard.get("params", {})
        if heard.get("method") == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif heard.get("method") == "Network.loadingFailed":
            self.refused.append(params.get("blockedReason") or params["errorText"])
        elif heard.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Audits.issueAdded"):
            self.complaints.append(json.dumps(params))
        elif heard.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(params["args"]))
