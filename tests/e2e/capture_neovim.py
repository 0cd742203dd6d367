"""Prints the screen of a real Neovim with a suggestion of the real server, in a frame, for README.

    python -m tests.e2e.capture_neovim [FILE.py] [--typed TEXT] [--nvim NAME]

TEXT is typed at the end of FILE (default: a small sample), key by key, until a suggestion is shown.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.e2e.neovim_session import Session, find_neovims, wait_for

SAMPLE = """\
import json


def read_settings(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_history(path):
"""
TYPED = "    with op"


def capture(session: Session, path: Path, typed: str) -> tuple[list[str], list[str]]:
    """Open the file, type at its end, and wait for a suggestion.

    Returns:
        the screen's lines as far as the text goes, and the same without the suggestion.

    Raises:
        AssertionError: no suggestion came.
    """
    command = [sys.executable, "-m", "lsp_server.cli.main", "serve"]
    session.lua("require('offhand').setup(...)", {"cmd": command})
    session.open(path)
    session.api.command("set laststatus=0")
    wait_for(
        lambda: "offhand: ready" in session.lua("return require('offhand').statusline()"),
        "the server is ready",
    )
    session.keys("Go")
    for key in typed:
        session.keys("<LT>" if key == "<" else key)
    wait_for(session.ghost, f"a suggestion behind {typed!r}")
    with_ghost = [line for line in session.screen() if not line.startswith("~")]
    session.keys("<C-]>")
    without = [line for line in session.screen() if not line.startswith("~")]
    height = len("\n".join(with_ghost[:-1]).rstrip().splitlines())  # the last line is Neovim's own
    return with_ghost[:height], without[:height]


def framed(lines: list[str], without: list[str]) -> str:
    """The screen in a frame; what of a line is suggested is repeated at its right."""
    width = max(map(len, lines))
    rows = []
    for number, line in enumerate(lines):
        plain = without[number] if number < len(without) else ""
        rows.append(
            f"│ {line.ljust(width)} │" + ("" if line == plain else f"  ◂ {line[len(plain) :].strip()}")
        )
    return "\n".join(["┌" + "─" * (width + 2) + "┐", *rows, "└" + "─" * (width + 2) + "┘"])


def main() -> int:
    """Capture and print; exit status 1 when there is no Neovim."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--typed", default=TYPED)
    parser.add_argument("--nvim", help="which of the unpacked ones: sid, trixie, bookworm")
    arguments = parser.parse_args()
    neovims = find_neovims()
    if not neovims:
        print("No Neovim: run tests/e2e/get_debian.sh sid neovim:nvim, or set OFFHAND_NVIM.", file=sys.stderr)
        return 1
    name = arguments.nvim or ("sid" if "sid" in neovims else next(iter(neovims)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (arguments.file.name if arguments.file else "stack.py")
        path.write_text(
            arguments.file.read_text(encoding="utf-8") if arguments.file else SAMPLE, encoding="utf-8"
        )
        session = Session(neovims[name], Path(folder), {"OFFHAND_HOME": folder})
        try:
            print(framed(*capture(session, path, arguments.typed)))
        finally:
            session.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
