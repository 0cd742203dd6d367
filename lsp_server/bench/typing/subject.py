"""What is typed into: an editor's side of something that completes code, whichever it is.

Columns are code points everywhere here, lines count from 0, line ends are ``\\n``. Does not know what is typed or when.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A document as it is opened.

    Attributes:
        path: of its file, absolute; the file itself may hold more than the text.
        language: the editors' id of it.
    """

    uri: str
    path: str
    language: str
    text: str


class Answer(msgspec.Struct, frozen=True):
    """What would be inserted at the cursor.

    Attributes:
        text: line ends are ``\\n``.
        replace: characters behind the cursor that it takes the place of.
        source: where it came from, as the subject names it; empty where it tells that later, see ``Explains``.
    """

    text: str
    replace: int = 0
    source: str = ""


class Usage(msgspec.Struct, frozen=True):
    """What it cost so far.

    Attributes:
        cpu_s: processor time of all processes of the subject, since their start.
        rss_mb: their memory now (MiB).
        prompt_tokens: of all prompts that were evaluated; ``reused_tokens`` are those of them that came from the KV
            cache.
        computed_tokens: generated, shown or not.
        requests: questions asked; ``model_calls`` are those that needed the model to run after the key.
    """

    cpu_s: float
    rss_mb: float
    prompt_tokens: int = 0
    reused_tokens: int = 0
    computed_tokens: int = 0
    requests: int = 0
    model_calls: int = 0


class Subject(Protocol):
    """Something that completes code.

    Attributes:
        name: for the report.
    """

    name: str

    async def start(self, folder: Path) -> None:
        """Be ready to be asked, in a workspace.

        Raises:
            OffhandError: it cannot be.
        """

    async def open(self, document: Document) -> None:
        """A document is open from now on."""

    async def change(self, uri: str, line: int, start: int, end_line: int, end: int, text: str) -> None:
        """Replace a range of a document."""

    async def cursor(self, uri: str, line: int, column: int) -> None:
        """The cursor moved there without an edit, or another document came to the front."""

    async def ask(self, uri: str, line: int, column: int) -> Answer | None:
        """Ask at the cursor.

        Returns:
            what is shown there, as soon as it is; ``None`` once it is decided that nothing is, and where another
            question came before an answer.

        Raises:
            OffhandError: the subject is gone.
        """

    async def accepted(self, uri: str, answer: Answer) -> None:
        """An answer was taken as a whole; the change that inserts it came before."""

    def usage(self) -> Usage:
        """What it cost so far."""

    async def stop(self) -> None:
        """End it."""


@runtime_checkable
class Explains(Protocol):
    """A subject that tells where answers came from only when there is time: to ask beside the answer would delay it.

    Attributes:
        grown: told the uri of a document whose answer has got more lines than were shown; asked again it tells them.
    """

    grown: Callable[[str], None]

    async def look(self, *, all: bool = False) -> None:
        """Find out more, if that is worth it; nothing is typed and nothing is being answered just now.

        Args:
            all: in any case.
        """

    def sources(self) -> Sequence[str]:
        """The source of each answer that was asked for, in the order of the questions; empty where there was no text,
        or it is not known."""
