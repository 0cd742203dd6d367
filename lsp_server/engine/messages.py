"""What server and worker say to each other: the only module that both sides import.

On the wire they are as ``base.framing`` has it. No message assumes that the peer is a child process or the only client.
"""

from typing import Literal

import msgspec

from lsp_server.base.config import Http
from lsp_server.base.parts import Part

#: Name of the document that ``Remember`` keeps lines in which were deleted lately, whatever document they stood in.
DELETED_LINES = "deleted"

#: What decoding can do without, so that a benchmark can tell what each is worth.
Stage = Literal["memory", "workspace", "healing", "candidates", "drafts"]

FinishReason = Literal["end", "line", "block", "length", "deadline", "cancelled"]


class Stop(msgspec.Struct, frozen=True):
    """Where a completion ends, beside the model's own end token.

    Attributes:
        kind: ``line`` ends before the first newline; ``block`` ends before the first non-blank line that is indented
            no deeper than ``indent``, or after ``max_lines`` lines.
        indent: columns of the line that opens the block (tabs count to the next multiple of 8).
        closers: what may stand alone on a line that is indented by just so many; that line still belongs to the block.
        max_lines: upper bound for ``block``.
    """

    kind: Literal["line", "block"] = "line"
    indent: int = 0
    closers: tuple[str, ...] = ()
    max_lines: int = 8


# --- server to worker


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load a model in place of another; answered by ``Learnt`` as soon as the memory can answer, then by ``Loaded`` or
    ``LoadFailed``.

    Attributes:
        engine: name of the backend.
        model: path of the GGUF file; ignored by the ``fake`` engine.
        tokenizer: path of its ``tokenizer.json``.
        sha256: of the model file; the worker checks it before native code sees the file.
        context: tokens that the KV cache holds.
        threads: for evaluating; 0 for as many as the model's size and the machine's load make good.
        cores: of the processor that the worker may use, for that choice.
        special_tokens: name to id.
        end_tokens: names of the special tokens that end a completion.
        delay_ms: only for ``fake``: how long one evaluation takes.
        otherwise: name of the backend to take where that one does not run on this machine; none if empty.
        keep: the state of the cache may be written to the user's own folder, for the next start.
        mixture: path of the numbers by which the memory is mixed in; those that come with Offhand if empty.
        http: only for ``http``: the server to ask.
        ask: texts of special tokens; of these the worker finds out which the server's model has.
    """

    engine: str
    model: str
    tokenizer: str
    sha256: str
    context: int
    threads: int
    special_tokens: dict[str, int]
    end_tokens: tuple[str, ...]
    delay_ms: float = 0.0
    otherwise: str = ""
    mixture: str = ""
    cores: int = 1
    keep: bool = False
    http: Http | None = None
    ask: tuple[str, ...] = ()


class Infill(msgspec.Struct, frozen=True):
    """A prompt's content without any layout, for servers that lay it out themselves.

    Attributes:
        prefix: the text before the cursor, where the document's window begins.
        suffix: the text behind it.
        extra: pieces of other files, path and text, in the order in which the model shall see them.
    """

    prefix: str
    suffix: str
    extra: tuple[tuple[str, str], ...] = ()


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """Complete a prompt; answered by any number of ``Partial`` and one ``Finished``.

    The last part is the text before the cursor, or what of it is on the cursor's line: its last pre-token is healed.

    Attributes:
        id: chosen by the client, unique among its running requests.
        parts: the prompt in order.
        max_tokens: that may be written; with 0 the prompt is only brought into the KV cache, for a request that will
            come, and the answer is no text and ``length``. Its ``source`` is ``memory`` where there is no such cache,
            and its tokens are none.
        deadline_ms: milliseconds from arrival after which what there is counts as the answer.
        document: name of the document that is being written, as ``Remember`` has it.
        familiar: the model was trained on the document's language.
        without: only for benchmarks.
        speculative: nobody waits for it: other programs, and real requests, go first.
        infill: only for ``http``: what the parts are made of.
    """

    id: int
    parts: tuple[Part, ...]
    stop: Stop
    max_tokens: int
    deadline_ms: int
    document: str = ""
    familiar: bool = True
    without: tuple[Stage, ...] = ()
    speculative: bool = False
    infill: Infill | None = None


class Fit(msgspec.Struct, frozen=True, tag="fit"):
    """Count the tokens of some parts, and cut those that are over their limits; answered by ``Fitted``."""

    id: int
    parts: tuple[Part, ...]


class Remember(msgspec.Struct, frozen=True, tag="remember"):
    """Learn a text for the copy memory, in place of what was known of the document. Not answered.

    Attributes:
        document: its name: the path of its file, or anything that stays the same.
        pieces: texts that do not follow from one another, the first what stands above the cursor; without any the
            document is forgotten.
    """

    document: str
    pieces: tuple[str, ...]


class Learn(msgspec.Struct, frozen=True, tag="learn"):
    """Read files of the workspace into the copy memory, in this order, in the background; those that are gone or no
    longer source text are forgotten. Answered by ``Learnt``, now and then.

    Attributes:
        paths: absolute; also the documents' names, as ``Remember`` and ``Complete`` have them.
    """

    paths: tuple[str, ...]


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    """Drop documents from the copy memory, whatever they came from. Not answered.

    Attributes:
        documents: their names; unknown ones are no matter.
    """

    documents: tuple[str, ...]


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Stop working on a request within one token; it is still answered, by ``Finished`` with ``cancelled``."""

    id: int


class Typed(msgspec.Struct, frozen=True, tag="typed"):
    """What was typed behind a request's cursor since it was asked, all of it; the newest one counts. Not answered.

    The work goes on as long as what it writes agrees with that: one is a beginning of the other. Otherwise it ends
    within one token, as if it were cancelled.

    Attributes:
        text: as the parts of a prompt have it: with ``\\n`` as line end, and no half surrogate pairs.
    """

    id: int
    text: str


ToWorker = Load | Complete | Fit | Remember | Learn | Forget | Cancel | Typed
TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)


def without_model(load: Load) -> Load:
    """The message that has the memory answer alone."""
    return msgspec.structs.replace(load, engine="memory", otherwise="", model="", sha256="", http=None)


# --- worker to server


class Served(msgspec.Struct, frozen=True):
    """What a server said about itself.

    Attributes:
        api: what it speaks, as the setting ``http.api`` names it.
        model: name of its model; empty when it told none.
        context: tokens that its model sees at once; 0 when it told none.
        tokens: of the special tokens that were asked for those it has, text to id; 0 where it told no id.
        lays_out: it can lay out a prompt from prefix and suffix itself.
    """

    api: str
    model: str = ""
    context: int = 0
    tokens: dict[str, int] = {}
    lays_out: bool = False


class Loaded(msgspec.Struct, frozen=True, tag="loaded"):
    """The model is ready; said again when more is known of it.

    Attributes:
        engine: name of the backend that has it.
        note: why that is not the one that was asked for; empty if it is.
        served: only for ``http``: what is known of the server; ``None`` before it first answered.
    """

    engine: str
    vocabulary: int
    context: int
    parameters: int
    load_ms: float
    note: str = ""
    served: Served | None = None


class LoadFailed(msgspec.Struct, frozen=True, tag="load_failed"):
    """The model was refused; ``message`` says why and what to do."""

    message: str


class Learnt(msgspec.Struct, frozen=True, tag="learnt"):
    """How far the copy memory has read.

    Attributes:
        documents: that are remembered, open ones included.
        tokens: held for them.
        read: of the paths that ``Learn`` named, how many have been looked at.
    """

    documents: int
    tokens: int
    read: int


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One token of a completion.

    Attributes:
        characters: length of the text up to its end; that of a healed token adds none.
        logprob: natural log-probability, renormalised over the tokens that the typed characters allowed.
        match: tokens of the longest match in the memory that it followed; 0 for none.
        memory: share of its probability that the memory gave, 0 to 1.
    """

    characters: int
    logprob: float
    match: int = 0
    memory: float = 0.0


class Partial(msgspec.Struct, frozen=True, tag="partial"):
    """The complete lines so far of a running block, and the tokens of all that is written."""

    id: int
    text: str
    steps: tuple[Step, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """A text and how it came about."""

    text: str
    steps: tuple[Step, ...] = ()


class Threads(msgspec.Struct, frozen=True):
    """How many threads an engine uses.

    Attributes:
        token: for single tokens.
        prompt: for several at once.
        why: they are fewer than they could be, for people; empty where they are not.
    """

    token: int
    prompt: int
    why: str = ""


class Trouble(msgspec.Struct, frozen=True):
    """Why the engine did not answer, and the memory did in its place; one sentence without any code.

    Attributes:
        lasting: it is not only this request that the engine was too slow for.
    """

    text: str
    lasting: bool = True


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """A completion.

    Attributes:
        text: what comes after the cursor; empty when the model has nothing to say.
        steps: its tokens, healed ones and the one that ended it included.
        others: less probable completions, the likeliest first.
        source: what wrote it: the network and the memory together, or the memory alone.
        prompt_tokens: tokens of the prompt.
        reused_tokens: of these, how many stood in the KV cache already, or in a kept one.
        tokens: generated tokens, those of ``others`` and of abandoned tries included.
        prompt_ms, decode_ms: wall time of the two stages.
        cpu_ms: processor time of the worker's process, all its threads together, while it worked on this. What else it
            did meanwhile is in it: reading the file that was begun, loading a model.
        branches: texts that part from ``text`` with their last character, each with its probability, the likeliest
            first; none where that is not known.
        threads: of the engine; ``None`` where it has none of its own.
        error: set when the engine failed; then ``text`` is empty.
        trouble: set when the engine could not be asked.
    """

    id: int
    text: str
    reason: FinishReason
    steps: tuple[Step, ...] = ()
    others: tuple[Written, ...] = ()
    source: Literal["model", "memory"] = "model"
    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens: int = 0
    prompt_ms: float = 0.0
    decode_ms: float = 0.0
    cpu_ms: float = 0.0
    branches: tuple[tuple[str, float], ...] = ()
    threads: Threads | None = None
    error: str = ""
    trouble: Trouble | None = None


class Fitted(msgspec.Struct, frozen=True, tag="fitted"):
    """The answer to ``Fit``.

    Attributes:
        texts: of each part what is left of it; of a special token its name.
        tokens: of each of them.
        error: set when the tokens could not be counted; then there are no texts.
    """

    id: int
    texts: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
    error: str = ""


ToServer = Loaded | LoadFailed | Learnt | Partial | Finished | Fitted
TO_SERVER: msgspec.msgpack.Decoder[ToServer] = msgspec.msgpack.Decoder(ToServer)
