"""The prompt format of the bundled model: suffix first, prefix and completion as one text (SPM).

``<|file|><|lang:py|>path\\n snippet``, any number of times, then
``<|suf|>suffix<|pre|><|lang:py|>path\\n prefix``, which the model continues.
Stable things come first, so that a key only appends.
"""

from lsp_server.base.parts import Part
from lsp_server.prompt.window import Window

#: Tokens of a file's path. Its line end is a part of its own, so that a long path does not lose it.
_PATH = 24


def render(window: Window, path: str, tag: str, snippet: str, budget: dict[str, int]) -> tuple[Part, ...]:
    """Lay out one prompt.

    Args:
        tag: the special token that announces the language.
        snippet: what the window does not show of its own file, or empty.
        budget: most tokens of ``snippet``, ``suffix`` and ``prefix``.
    """
    language = Part(tag, special=True)
    heading = [language, Part(path, limit=_PATH), Part("\n", limit=1)]
    parts: list[Part] = []
    if snippet:
        parts += [Part("<|file|>", special=True), *heading, Part(snippet, limit=budget["snippet"])]
    parts += [Part("<|suf|>", special=True), Part(window.suffix, limit=budget["suffix"])]
    parts += [Part("<|pre|>", special=True), *heading]
    parts.append(Part(window.prefix, limit=budget["prefix"], cut="left"))
    return tuple(parts)
