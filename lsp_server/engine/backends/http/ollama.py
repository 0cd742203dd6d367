"""Ollama's own API: https://docs.ollama.com/api/generate.

With ``raw`` and our own layout where the family is known: then the tokens stand where the model was trained to see
them, with pieces of other files, which ``suffix`` has no place for. ``suffix`` is what is left where it is not known;
Ollama accepts it for models whose template has a place for it (the capability ``insert``).
"""

from typing import Any

import msgspec

from lsp_server.engine.backends.http.connection import Connection, Unanswered
from lsp_server.engine.backends.http.dialect import Piece, Question, Token, decoded, written_as
from lsp_server.engine.backends.http.events import Kind
from lsp_server.engine.messages import FinishReason, Served

_ENDS: dict[str, FinishReason] = {"stop": "end", "length": "length"}


class _Written(msgspec.Struct, frozen=True):
    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None


class _Message(msgspec.Struct, frozen=True):
    response: str = ""
    done: bool = False
    done_reason: str = ""
    logprobs: list[_Written] | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0
    error: Any = None


class Ollama:
    """See the module."""

    kind: Kind = "lines"
    heals = False
    path = "/api/generate"

    def __init__(self, served: Served, *, lays_out: bool) -> None:
        self._model = served.model
        self._lays_out = lays_out

    def body(self, question: Question) -> bytes:
        """See ``Dialect``."""
        options: dict[str, Any] = {
            "temperature": 0,
            "num_predict": question.max_tokens,
            "num_ctx": question.context,  # another size would have Ollama load the model anew
        }
        if question.line:
            options["stop"] = ["\n"]
        asked: dict[str, Any] = {
            "model": self._model,
            "stream": True,
            "logprobs": True,
            "options": options,
        }
        if self._lays_out:
            infill = question.infill
            return msgspec.json.encode({**asked, "prompt": infill.prefix, "suffix": infill.suffix})
        return msgspec.json.encode({**asked, "prompt": question.prompt, "raw": True})

    def read(self, message: bytes) -> Piece:
        """See ``Dialect``."""
        said = decoded(message, _Message, self.path)
        if said.error is not None:
            raise Unanswered("The server reports a failure.")
        tokens = tuple(
            Token(written_as(one.token, one.bytes), one.logprob)
            for one in said.logprobs or ()
            if one.logprob is not None
        )
        if not said.done:
            return Piece(said.response, tokens)
        return Piece(
            said.response,
            tokens,
            _ENDS.get(said.done_reason, "end"),
            said.eval_count,
            said.prompt_eval_count,
        )


class _Tag(msgspec.Struct, frozen=True):
    name: str


class _Tags(msgspec.Struct, frozen=True):
    models: list[_Tag]


class _Shown(msgspec.Struct, frozen=True):
    capabilities: list[str] = []
    model_info: dict[str, Any] = {}


async def greet(connection: Connection, model: str, ask: tuple[str, ...]) -> Served:
    """See ``Greeting``. The vocabulary, told with ``verbose``, says which special tokens there are."""
    offered = decoded(await connection.ask("/api/tags"), _Tags, "/api/tags").models
    name = model or next((one.name for one in offered), "")
    if not name:
        raise Unanswered("The server has no model. Bring it one, or name one with http.model.")
    answer = await connection.ask("/api/show", msgspec.json.encode({"model": name, "verbose": True}))
    shown = decoded(answer, _Shown, "/api/show")
    vocabulary = shown.model_info.get("tokenizer.ggml.tokens")
    wanted = frozenset(ask)
    tokens = {
        text: number
        for number, text in enumerate(vocabulary if isinstance(vocabulary, list) else ())
        if isinstance(text, str) and text in wanted
    }
    context = next((size for key, size in shown.model_info.items() if key.endswith(".context_length")), 0)
    return Served(
        "ollama",
        name,
        context if isinstance(context, int) else 0,
        tokens,
        lays_out="insert" in shown.capabilities,
    )
