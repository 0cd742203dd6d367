"""The prompt format of the bundled model: suffix first, prefix and completion as one text (SPM).

``<|file_sep|>path\\n snippet``, any number of times, then
``<|file_sep|>path\\n <|fim_suffix|>suffix<|fim_prefix|>prefix``, which the model continues until ``<|endoftext|>``.
Stable things come first, so that a key only appends. The names are those by which llama.cpp knows the tokens; its
``/infill`` with ``--spm-infill`` asks in almost this order (``format_prompt_infill``, https://github.com/ggml-org/llama.cpp).
"""

from collections.abc import Sequence

from lsp_server.base.parts import LEFT_STEP, Part
from lsp_server.prompt.window import Window

FILE, SUFFIX, PREFIX = "<|file_sep|>", "<|fim_suffix|>", "<|fim_prefix|>"

#: Tokens of a file's path, and with what stands around it.
_PATH = 24
HEADING = _PATH + 2

#: Components of a path that a model sees: enough to tell what a file is about, and no more of the user's disk.
_COMPONENTS = 3


def render(
    window: Window,
    path: str,
    snippets: Sequence[tuple[str, str]],
    budget: dict[str, int],
    pieces: Sequence[tuple[str, str]] = (),
) -> tuple[Part, ...]:
    """Lay out one prompt.

    Args:
        path: of the file, "/" between its components.
        snippets: pieces of other places, path and text, in the order in which the model shall see them.
        pieces: the same, of other files, already cut; they come first, as they change least.
        budget: most tokens of ``suffix``, of ``prefix``, and of all snippets with their headings (``snippet``).
    """
    parts: list[Part] = []
    for origin, text in pieces:
        parts += [*heading(origin), Part(f"{text}\n")]
    share = budget["snippet"] // max(len(snippets), 1) - HEADING
    for origin, text in snippets:
        if share > 0:
            parts += [*heading(origin), Part(text, limit=share)]
    parts += [*heading(path), Part(SUFFIX, special=True), Part(window.suffix, limit=budget["suffix"])]
    parts += [
        Part(PREFIX, special=True),
        Part(window.prefix, limit=budget["prefix"], cut="left", step=LEFT_STEP),
    ]
    return tuple(parts)


def heading(path: str) -> tuple[Part, ...]:
    """What announces a file. A long path loses its beginning: its end tells the language.

    The line end is a part of its own, so that its token does not depend on the path.
    """
    return Part(FILE, special=True), Part(short_path(path), limit=_PATH, cut="left"), Part("\n", limit=1)


def short_path(path: str) -> str:
    """As much of a path as a model sees."""
    return "/".join(path.replace("\\", "/").split("/")[-_COMPONENTS:])
