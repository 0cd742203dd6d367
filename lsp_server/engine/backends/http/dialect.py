"""What is asked of a server and what it says, whichever API it has. Pure."""

from typing import Protocol, TypeVar

import msgspec

from lsp_server.engine.backends.http.connection import Connection, Unanswered
from lsp_server.engine.backends.http.events import Kind
from lsp_server.engine.messages import FinishReason, Infill, Served

_Answer = TypeVar("_Answer")


class Question(msgspec.Struct, frozen=True):
    """A request as a server gets it.

    Attributes:
        prompt: laid out by us; empty where the server is to do it.
        infill: what it lays out then.
        typed: characters before the cursor that are left out of both, for the server to spell anew.
        line: only what comes before the first newline is wanted.
        max_tokens: of the answer.
        milliseconds: left for it.
        context: tokens of prompt and answer.
        special: texts of the special tokens that end the completion.
    """

    prompt: str
    infill: Infill
    typed: str
    line: bool
    max_tokens: int
    milliseconds: int
    context: int
    special: tuple[str, ...] = ()


class Token(msgspec.Struct, frozen=True):
    """A token that was written.

    Attributes:
        spelling: empty for one that ends the text.
        logprob: natural log-probability among all tokens.
        others: alternatives in its place, it may be one of them: spelling and log-probability.
    """

    spelling: bytes
    logprob: float
    others: tuple[tuple[bytes, float], ...] = ()


class Piece(msgspec.Struct, frozen=True):
    """One message of a streamed answer.

    Attributes:
        text: that it adds.
        tokens: behind it; none where the server does not tell.
        end: why the server has ended; ``None`` while it goes on.
        written: tokens of the whole answer, told at the end.
        prompt_tokens, reused_tokens: as in ``Finished``, told at the end.
    """

    text: str = ""
    tokens: tuple[Token, ...] = ()
    end: FinishReason | None = None
    written: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0


class Dialect(Protocol):
    """One API."""

    kind: Kind
    heals: bool  # it keeps an answer to what was typed

    @property
    def path(self) -> str:
        """Where questions go."""

    def body(self, question: Question) -> bytes:
        """The question in JSON."""

    def read(self, message: bytes) -> Piece | None:
        """One message of the answer; ``None`` for one that means nothing.

        Raises:
            Unanswered: the server reports a failure, or the message is none of its API's.
        """


class Greeting(Protocol):
    """How to find out whether a server has an API, and what it serves."""

    async def __call__(self, connection: Connection, model: str, ask: tuple[str, ...]) -> Served:
        """What the server says about itself.

        Args:
            model: as the settings name it; may be empty.
            ask: texts of special tokens.

        Raises:
            Unanswered: it has another API, or does not answer.
        """


def written_as(text: str, values: list[int] | None) -> bytes:
    """The bytes of a token, by its text where the server does not tell them."""
    return text.encode() if values is None else bytes(value & 0xFF for value in values)


def decoded(message: bytes, type: type[_Answer], where: str) -> _Answer:
    """A JSON text of a server.

    Raises:
        Unanswered: it is none, or another than expected.
    """
    try:
        return msgspec.json.decode(message, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Without the decoder's words, which may quote what stands in the prompt; "from None" for the same reason.
        raise Unanswered(f"The server says something that cannot be read ({where}).", stranger=True) from None
