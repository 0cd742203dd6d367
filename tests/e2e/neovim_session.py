"""A real Neovim with the plugin, driven from outside: keys in, buffer, screen and messages out.

Knows no test and no server: it is given the server's command.
"""

import gc
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pynvim

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN = REPOSITORY / "editors" / "neovim"
LIMIT_S = 30.0


def find_neovims() -> dict[str, Path]:
    """The Neovims at hand, by a short name: OFFHAND_NVIM alone if set, else the unpacked ones, else the one on PATH."""
    if chosen := os.environ.get("OFFHAND_NVIM"):
        return {"chosen": Path(chosen)}
    folder = Path(os.environ.get("OFFHAND_EDITORS", REPOSITORY / ".cache" / "editors"))
    unpacked = {path.parts[-3]: path for path in sorted(folder.glob("*/bin/nvim"))}
    if unpacked:
        return unpacked
    on_path = shutil.which("nvim")
    return {"path": Path(on_path)} if on_path else {}


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Poll until ``condition`` gives something true, and return it.

    Raises:
        AssertionError: it did not within ``LIMIT_S`` seconds.
    """
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {LIMIT_S:.0f} s: {what}")


class Session:
    """One running Neovim, 24 lines by 80 columns, with an empty configuration and the plugin on its runtime path.

    Args:
        nvim: the program.
        home: an empty folder for everything it writes.
        environment: added to this process's own.
    """

    def __init__(self, nvim: Path, home: Path, environment: Mapping[str, str] | None = None) -> None:
        folders = {
            f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
        }
        for folder in folders.values():
            Path(folder).mkdir(parents=True, exist_ok=True)
        # A socket's address may have 107 characters at most: not in the test's own, long-named folder.
        self._socket_folder = tempfile.TemporaryDirectory(prefix="nvim-")
        address = Path(self._socket_folder.name) / "socket"
        # Neovim's own settings for Python files would look for a Python with pynvim, nearly a second each time.
        before = ["--cmd", f"set rtp^={PLUGIN}", "--cmd", "let g:loaded_python3_provider = 0"]
        self.process = subprocess.Popen(
            [nvim, "--headless", "--clean", "-n", *before, "--listen", address],
            env={**os.environ, **folders, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # An editor that waits for an answer at a prompt answers no call: end it, so that the test fails, not hangs.
        self._end = threading.Timer(4 * LIMIT_S, self.process.kill)
        self._end.start()
        wait_for(lambda: _listens(address), f"{nvim} listens")
        self.api = pynvim.attach("socket", path=str(address))
        self.api.ui_attach(80, 24, rgb=True, ext_linegrid=True)
        self.api.command("filetype indent off | set noautoindent")  # what is typed is what is there

    def close(self) -> None:
        """End the editor, and with it its server."""
        try:
            self.api.command("qall!", async_=True)
            self.process.wait(timeout=LIMIT_S)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        finally:
            self._end.cancel()
            self.api.close()
            # pynvim closes its event loop before its socket: what is left of both complains when it is collected.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                del self.api
                gc.collect()
            self._socket_folder.cleanup()

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua in the editor and return its value."""
        return self.api.exec_lua(code, *arguments)

    def keys(self, keys: str) -> None:
        """Press keys, in the notation of ``:help key-notation``; ``<`` itself is ``<LT>``."""
        pressed = 0
        raw = keys.encode()
        while pressed < len(raw):
            pressed += self.api.input(raw[pressed:].decode())
        # Answered only when the keys before it have been worked through.
        self.api.eval("1")

    def open(self, path: Path) -> None:
        """Edit a file."""
        self.api.command(f"edit {path}")

    def lines(self) -> list[str]:
        """The current buffer."""
        return list(self.api.current.buffer[:])

    def cursor(self) -> tuple[int, int]:
        """1-based line and 0-based byte column."""
        row, column = self.api.current.window.cursor
        return row, column

    def ghost(self) -> list[str]:
        """The virtual text of the plugin and of Neovim's own inline completion: lines as drawn, top down."""
        return list(self.lua(_GHOST))

    def screen(self) -> list[str]:
        """What the screen shows, line by line, without blanks at the ends."""
        return [line.rstrip() for line in self.lua(_SCREEN)]

    def messages(self) -> str:
        """All messages so far."""
        return str(self.api.command_output("messages"))


def _listens(address: Path) -> bool:
    """Whether somebody takes connections there: the file is there a moment before that."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0


_GHOST = """
local lines = {}
for name, space in pairs(vim.api.nvim_get_namespaces()) do
  if name == 'offhand' or name == 'nvim.lsp.inline_completion' then
    for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })) do
      local function add(chunks)
        local text = ''
        for _, chunk in ipairs(chunks) do text = text .. chunk[1] end
        table.insert(lines, text)
      end
      if mark[4].virt_text then add(mark[4].virt_text) end
      for _, line in ipairs(mark[4].virt_lines or {}) do add(line) end
    end
  end
end
return lines
"""

_SCREEN = """
vim.cmd('redraw')
local lines = {}
for row = 1, vim.o.lines do
  local cells = {}
  for column = 1, vim.o.columns do cells[column] = vim.fn.screenstring(row, column) end
  lines[row] = table.concat(cells)
end
return lines
"""
