"""Where a completion ends."""

import pytest

from lsp_server.engine import stops
from lsp_server.engine.messages import Stop

LINE = Stop("line")
BLOCK = Stop("block", indent=0, max_lines=3)
BRACES = Stop("block", indent=2, closers=("}", "end"))


@pytest.mark.parametrize(
    ("stop", "text", "expected"),
    [
        (LINE, "a + b", None),
        (LINE, "a + b\n", ("a + b", "line")),
        (LINE, "\n    x", ("", "line")),
        (BLOCK, "x = 1", None),
        (BLOCK, "x = 1\n    y", None),
        (BLOCK, "x = 1\n", None),
        (BLOCK, "x = 1\n ", None),
        (BLOCK, "x = 1\nz", ("x = 1", "block")),
        (BLOCK, "x = 1\n\n\nz", ("x = 1", "block")),
        (BLOCK, "\n    x = 1\nz", ("\n    x = 1", "block")),
        (BLOCK, "\nz", ("", "block")),
        (BLOCK, "a\n  b\n  c\n", ("a\n  b\n  c", "block")),
        (BLOCK, "a\n  b\n  c", None),
        (BLOCK, "\n  a\n  b\n  c\n", ("\n  a\n  b\n  c", "block")),
        (BLOCK, "a\n\n\n", ("a", "block")),
        (Stop("block", indent=4), "x\n    y", ("x", "block")),
        (Stop("block", indent=4), "x\n     y", None),
        (Stop("block", indent=7), "x\n\ty", None),
        (Stop("block", indent=8), "x\n \ty", ("x", "block")),
        (Stop("block", indent=-1), "x\ny", None),
        (BRACES, "x\n  }", None),
        (BRACES, "x\n  }\n", ("x\n  }", "block")),
        (BRACES, "x\n  });\n  y", ("x\n  });", "block")),
        (BRACES, "x\n  } el", ("x", "block")),
        (BRACES, "x\n  en", None),
        (BRACES, "x\n  end\n", ("x\n  end", "block")),
        (BRACES, "x\n  ends", ("x", "block")),
        (BRACES, "x\n}\n", ("x", "block")),
        (BRACES, "x\n    }\n  y", ("x\n    }", "block")),
    ],
)
def test_cut(stop: Stop, text: str, expected: tuple[str, str] | None) -> None:
    """A line ends before its newline; a block before the first line that does not belong to it, or at its limit."""
    assert stops.cut(text, stop) == expected


@pytest.mark.parametrize(
    ("stop", "text", "expected"),
    [
        (LINE, "os.path.jo", "os.path."),
        (LINE, "f(x) ", "f(x) "),
        (LINE, "nam", ""),
        (BLOCK, "x = 1\n    y = tw", "x = 1"),
        (BLOCK, "x = tw", "x = "),
        (BLOCK, "\n    retu", ""),
        (BLOCK, "\n    a\n    b", "\n    a"),
    ],
)
def test_unfinished(stop: Stop, text: str, expected: str) -> None:
    """What ran out of time ends with a whole line, or at least never within a word."""
    assert stops.unfinished(text, stop) == expected
