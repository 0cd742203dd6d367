"""llama.cpp's own API: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (read at b11669).

``/completion`` where we know the family and lay out the prompt, ``/infill`` where the server does. Both take a grammar,
so both heal: the last pre-token is left out of the prompt, and the answer must begin with its characters.
"""

from typing import Any

import msgspec

from lsp_server.engine.backends.http.connection import Connection, Unanswered
from lsp_server.engine.backends.http.dialect import Piece, Question, Token, decoded, written_as
from lsp_server.engine.backends.http.events import Kind
from lsp_server.engine.messages import FinishReason, Served

#: Alternatives to each token that are asked for: they tell how likely it is among those that the typed characters
#: allow. Ten cost 2 % of the time (measured with a vocabulary of 4,096).
_ALTERNATIVES = 10

_ENDS: dict[str, FinishReason] = {"eos": "end", "word": "line", "limit": "length"}

#: The last message would repeat the prompt and all settings.
_FIELDS = (
    "content",
    "completion_probabilities",
    "stop",
    "stop_type",
    "timings",
    "tokens_predicted",
    "truncated",
)


class _Alternative(msgspec.Struct, frozen=True):
    bytes: list[int] = []
    logprob: float | None = None


class _Probability(msgspec.Struct, frozen=True):
    bytes: list[int] = []
    logprob: float | None = None
    top_logprobs: list[_Alternative] = []


class _Timings(msgspec.Struct, frozen=True):
    cache_n: int = 0
    prompt_n: int = 0


class _Message(msgspec.Struct, frozen=True):
    content: str = ""
    stop: bool = False
    stop_type: str = ""
    completion_probabilities: list[_Probability] = []
    timings: _Timings = _Timings()
    tokens_predicted: int = 0
    error: Any = None


class LlamaServer:
    """See the module."""

    kind: Kind = "events"
    heals = True

    def __init__(self, *, lays_out: bool) -> None:
        self.path = "/infill" if lays_out else "/completion"
        self._lays_out = lays_out

    def body(self, question: Question) -> bytes:
        """See ``Dialect``."""
        asked: dict[str, Any] = {
            "n_predict": question.max_tokens,
            "t_max_predict_ms": question.milliseconds,
            "cache_prompt": True,
            "stream": True,
            "temperature": 0.0,
            "samplers": ["temperature"],
            "n_probs": _ALTERNATIVES,
            "response_fields": _FIELDS,
        }
        if question.line and "\n" not in question.typed:
            asked["stop"] = ["\n"]
        if question.typed:
            asked["grammar"] = grammar(question.typed)
        if not self._lays_out:
            return msgspec.json.encode({**asked, "prompt": question.prompt})
        infill = question.infill
        # The line that is being written stands apart, as llama.vim has it: what is before it stays in the cache.
        above, newline, line = infill.prefix.rpartition("\n")
        return msgspec.json.encode(
            {
                **asked,
                "input_prefix": above + newline,
                "prompt": line,
                "input_suffix": infill.suffix,
                "input_extra": [{"filename": path, "text": text} for path, text in infill.extra],
            }
        )

    def read(self, message: bytes) -> Piece:
        """See ``Dialect``."""
        said = decoded(message, _Message, "/completion")
        if said.error is not None:
            raise Unanswered("The server reports a failure.")
        tokens = tuple(
            Token(
                written_as("", one.bytes),
                one.logprob,
                tuple(
                    (written_as("", o.bytes), o.logprob) for o in one.top_logprobs if o.logprob is not None
                ),
            )
            for one in said.completion_probabilities
            if one.logprob is not None
        )
        if not said.stop:
            return Piece(said.content, tokens)
        timings = said.timings
        return Piece(
            said.content,
            tokens,
            _ENDS.get(said.stop_type, "end"),
            said.tokens_predicted,
            timings.cache_n + timings.prompt_n,
            timings.cache_n,
        )


def grammar(typed: str) -> str:
    """A GBNF grammar of the texts that begin so
    (https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md)."""
    escaped = "".join(
        character if character.isalnum() and character.isascii() else f"\\U{ord(character):08X}"
        for character in typed
    )
    return f'root ::= "{escaped}" [^\\x00]*'


class _Settings(msgspec.Struct, frozen=True):
    n_ctx: int


class _Props(msgspec.Struct, frozen=True):
    default_generation_settings: _Settings
    total_slots: int
    model_alias: str = ""


class _Token(msgspec.Struct, frozen=True):
    id: int
    piece: str | list[int] = ""


class _Tokens(msgspec.Struct, frozen=True):
    tokens: list[_Token]


async def greet(connection: Connection, model: str, ask: tuple[str, ...]) -> Served:
    """See ``Greeting``."""
    props = decoded(await connection.ask("/props"), _Props, "/props")
    tokens: dict[str, int] = {}
    if ask:
        # All at once: what comes back in one piece is a token.
        question = {
            "content": "\n".join(ask),
            "add_special": False,
            "parse_special": True,
            "with_pieces": True,
        }
        answer = await connection.ask("/tokenize", msgspec.json.encode(question))
        pieces = {
            one.piece: one.id
            for one in decoded(answer, _Tokens, "/tokenize").tokens
            if isinstance(one.piece, str)
        }
        tokens = {text: pieces[text] for text in ask if text in pieces}
    name = props.model_alias.replace("\\", "/").rpartition("/")[2]
    return Served(
        "llama-server", model or name, props.default_generation_settings.n_ctx, tokens, lays_out=True
    )
