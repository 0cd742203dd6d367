"""The completions API that OpenAI began and most servers have: vLLM, llama-server, TGI, LM Studio and others.

https://docs.vllm.ai/en/latest/serving/online_serving/openai_compatible_server/ and
https://platform.openai.com/docs/api-reference/completions. ``suffix`` is not used: vLLM refuses it
(vllm-project/vllm#9976). Log-probabilities come in two forms: lists beside each other, as OpenAI has them, and
``content``, as llama-server has them here too.
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
    bytes: list[int] | None = None
    logprob: float | None = None


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Written] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None


class _Choice(msgspec.Struct, frozen=True):
    text: str = ""
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int | None = 0
    prompt_tokens_details: _Details | None = None


class _Message(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class OpenAi:
    """See the module."""

    kind: Kind = "events"
    heals = False
    path = "/v1/completions"

    def __init__(self, served: Served) -> None:
        self._model = served.model
        self._is_vllm = (
            served.context > 0
        )  # it alone tells; others may refuse a question with fields of its own

    def body(self, question: Question) -> bytes:
        """See ``Dialect``."""
        asked: dict[str, Any] = {
            "model": self._model,
            "prompt": question.prompt,
            "max_tokens": question.max_tokens,
            "temperature": 0,
            "stream": True,
            "logprobs": 1,
        }
        if question.line:
            asked["stop"] = ["\n"]
        if self._is_vllm:
            # Else a token such as <|file_sep|> would be left out of the text, and what follows it be taken for ours.
            asked["skip_special_tokens"] = False
        return msgspec.json.encode(asked)

    def read(self, message: bytes) -> Piece | None:
        """See ``Dialect``."""
        if message.strip() == b"[DONE]":
            return Piece(end="end")
        said = decoded(message, _Message, self.path)
        if said.error is not None:
            raise Unanswered("The server reports a failure.")
        if not said.choices:
            return None  # an event with the usage alone, or a sign of life
        choice, usage = said.choices[0], said.usage or _Usage()
        end = _ENDS.get(choice.finish_reason, "end") if choice.finish_reason else None
        details = usage.prompt_tokens_details or _Details()
        return Piece(
            choice.text,
            _tokens(choice.logprobs),
            end,
            usage.completion_tokens or 0,
            usage.prompt_tokens,
            details.cached_tokens or 0,
        )


def _tokens(logprobs: _Logprobs | None) -> tuple[Token, ...]:
    if logprobs is None:
        return ()
    if logprobs.content is not None:
        return tuple(
            Token(written_as(one.token, one.bytes), one.logprob)
            for one in logprobs.content
            if one.logprob is not None
        )
    pairs = zip(logprobs.tokens or (), logprobs.token_logprobs or (), strict=False)
    return tuple(Token(text.encode(), logprob) for text, logprob in pairs if logprob is not None)


class _Model(msgspec.Struct, frozen=True):
    id: str
    max_model_len: int | None = None


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model]


class _Tokens(msgspec.Struct, frozen=True):
    tokens: list[int] = []
    token_strs: list[str] | None = None


async def greet(connection: Connection, model: str, ask: tuple[str, ...]) -> Served:
    """See ``Greeting``. The special tokens are asked of ``/tokenize``, which vLLM has and others lack."""
    offered = decoded(await connection.ask("/v1/models"), _Models, "/v1/models").data
    chosen = next((one for one in offered if one.id == model or not model), None)
    name = chosen.id if chosen else model  # a server may serve more than it lists
    tokens: dict[str, int] = {}
    if ask:
        question = {
            "model": name,
            "prompt": "\n".join(ask),
            "add_special_tokens": False,
            "return_token_strs": True,
        }
        try:
            answer = await connection.ask("/tokenize", msgspec.json.encode(question))
            found = decoded(answer, _Tokens, "/tokenize")
        except Unanswered as error:
            if error.again:
                raise
        else:
            pieces = dict(zip(found.token_strs or (), found.tokens, strict=False))
            tokens = {text: pieces[text] for text in ask if text in pieces}
    if not name:
        raise Unanswered("The server names no model. Name one with http.model.")
    return Served("openai", name, (chosen.max_model_len if chosen else 0) or 0, tokens)
