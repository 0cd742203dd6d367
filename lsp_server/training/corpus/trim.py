"""Takes off a text what would be learnt again and again: licence headers, long docstrings. Pure."""

import ast
import hashlib
import re
from collections.abc import Iterator

from lsp_server.training.corpus.filters import parsed

_LEGAL = re.compile(r"licen[sc]e|copyright|\(c\) ?\d{4}|all rights reserved|spdx", re.IGNORECASE)
_LINE_COMMENT = {"python": "#", "shell": "#", "ruby": "#", "lua": "--"}
#: Characters of a docstring that stays as it is.
_LONG = 250


def tidy(text: str) -> str:
    """The text with ``\\n`` line ends, no blanks at their ends, and one newline at its own end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "").removeprefix("\ufeff")
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") + "\n"


def headless(text: str, language: str) -> str:
    """The text without the comments at its top that are about licence and copyright."""
    lines = text.split("\n")
    first = 1 if lines[0].startswith("#!") else 0
    mark = _LINE_COMMENT.get(language, "//")
    kept, at = lines[:first], first
    while at < len(lines):
        end = _comment_end(lines, at, mark)
        if end == at:
            break
        comment = lines[at:end]
        if _LEGAL.search("\n".join(comment)):
            while end < len(lines) and not lines[end].strip():
                end += 1
        else:
            kept += comment
        at = end
    return "\n".join(kept + lines[at:]).lstrip("\n")


def _comment_end(lines: list[str], at: int, mark: str) -> int:
    """Behind the comment that begins at a line, blank lines in front of it included; ``at``: there is none."""
    start = at
    while start < len(lines) and not lines[start].strip():
        start += 1
    end = start
    if start < len(lines) and mark == "//" and lines[start].lstrip().startswith("/*"):
        while end < len(lines) and "*/" not in lines[end]:
            end += 1
        closed = end < len(lines) and lines[end].rstrip().endswith("*/")
        return end + 1 if closed else at
    if start < len(lines) and mark == "--" and lines[start].startswith("--[["):
        while end < len(lines) and "]]" not in lines[end]:
            end += 1
        return end + 1 if end < len(lines) else at
    while end < len(lines) and lines[end].lstrip().startswith(mark):
        end += 1
    return end if end > start else at


def shortened(text: str, share: float) -> str | None:
    """Python source with long docstrings cut to their first paragraph; ``None``: it is no Python source.

    Args:
        share: of them that are cut; which ones, their own text decides.
    """
    tree = parsed(text)
    if tree is None:
        return None
    cuts = [
        (found.lineno, found.end_lineno or found.lineno)
        for found in _docstrings(tree)
        if _chosen(str(found.value), share)
    ]
    lines = text.split("\n")
    for first, last in sorted(cuts, reverse=True):
        lines[first - 1 : last] = _first_paragraph(lines[first - 1 : last])
    return "\n".join(lines)


def _docstrings(node: ast.Module | ast.stmt) -> Iterator[ast.Constant]:
    """Those of a module and of what is defined in it, at any depth; expressions are not looked into."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
        found = _docstring(node)
        if found is not None:
            yield found
    for part in ("body", "orelse", "finalbody"):
        for statement in getattr(node, part, ()):
            yield from _docstrings(statement)


def _docstring(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module,
) -> ast.Constant | None:
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return first.value
    return None


def _chosen(docstring: str, share: float) -> bool:
    digest = hashlib.sha256(docstring.encode("utf-8", "replace")).digest()
    return len(docstring) > _LONG and int.from_bytes(digest[:4], "big") < share * 2**32


def _first_paragraph(lines: list[str]) -> list[str]:
    """A docstring's lines up to its first blank one, closed again."""
    opening = re.match(r"""\s*[rRuU]*("{3}|'{3})""", lines[0])
    if opening is None or not lines[-1].rstrip().endswith(opening[1]):
        return lines
    bare = not lines[0][opening.end() :].strip()
    for at in range(2 if bare else 1, len(lines)):
        if not lines[at].strip():
            indent = re.match(r"\s*", lines[0])
            close = (indent[0] if indent else "") + opening[1]
            joined = at == 1 and not lines[0].endswith((opening[1][0], "\\"))
            return [lines[0] + opening[1]] if joined else [*lines[:at], close]
    return lines
