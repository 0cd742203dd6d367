"""The house rules that a program can check: format, lint, types, size of modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Lines that a module may have.
LONGEST = 420


def check(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"


def test_ruff_check() -> None:
    """Lint is clean."""
    check("ruff", "check", "--quiet", ".")


def test_ruff_format() -> None:
    """Everything is formatted."""
    check("ruff", "format", "--quiet", "--check", ".")


def test_mypy() -> None:
    """Types hold under --strict."""
    check("mypy")


def test_modules_stay_short() -> None:
    """No module outgrows what a reader takes in."""
    for path in (ROOT / "lsp_server").rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= LONGEST, f"{path.name} has {lines} lines"
