"""Fill-in-the-middle families as data: one TOML file each, and which of them a vocabulary belongs to.

A file has the fields of ``Family``; that is all there is to add for a new one. A family is told from what is in a
vocabulary and what the model file says about itself, never from a file's name: names are given by whoever made the
file (continuedev/continue#2330: by its name a Qwen2.5-Coder was asked with StarCoder's tokens, which it does not have).

Reads this folder, once for each family that is asked for, and nothing else. Does not know how a prompt is made of it.
"""

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta

from lsp_server.base.errors import ModelError

_Text = Annotated[str, Meta(min_length=1)]

#: A special token by its role, or what is filled in.
ITEM = re.compile(r"<(?P<token>[a-z_0-9]+)>|\{(?P<slot>[a-z]+)\}")

#: What a prompt ends with: text of the document and no other, since its last pre-token is spelled anew.
_LAST = re.compile(r"[>\n]\{(?:before|line)\}\Z")

#: What may be filled in, see ``Family``.
_PROMPT_SLOTS = frozenset(
    ("repository", "files", "path", "language", "comment", "behind", "before", "above", "line")
)
_FILE_SLOTS = frozenset(("path", "comment", "text", "commented"))

#: The family of models that were not trained to fill in the middle.
PLAIN = "plain"

#: What ends a text in whatever model has it: the list of llama.cpp (``special_eog_ids`` in src/llama-vocab.cpp, which
#: goes by the text, too), and the turns of the chat formats of models that are also used to complete.
_ENDS = (
    *("<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|EOT|>", "<EOT>"),
    *("</s>", "<eos>", "<end_of_turn>", "<|im_start|>", "<|im_end|>"),
    *("<\uff5cend\u2581of\u2581sentence\uff5c>", "<[end\u2581of\u2581sentence]>"),
)

#: Roles whose tokens a model file's metadata must not contradict.
_HOLE = ("prefix", "suffix", "middle")


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a family's vocabulary is told from others.

    Attributes:
        has: texts of tokens that are all there.
        lacks: texts of tokens none of which is there.
        architectures: the model has one of these (``general.architecture``); any if none is given.
    """

    has: tuple[_Text, ...]
    lacks: tuple[_Text, ...] = ()
    architectures: tuple[_Text, ...] = ()

    def fits(self, tokens: Collection[str], architecture: str) -> bool:
        """Whether a vocabulary is such a one."""
        return (
            all(text in tokens for text in self.has)
            and not any(text in tokens for text in self.lacks)
            and (not self.architectures or architecture in self.architectures)
        )

    @property
    def weight(self) -> tuple[bool, int]:
        """How much it asks for: of two families that fit, the one that asks for more is right."""
        return bool(self.architectures), len(self.has) + len(self.lacks)


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a family of models is asked.

    ``prompt`` and ``file`` are texts in which ``<role>`` stands for the special token with that role and ``{slot}`` for
    what is filled in. Text of the user never becomes a special token.

    Attributes:
        models: which models these are, for people.
        source: where the format is from.
        vocabularies: what it is told by; one of them must fit.
        tokens: role to the token's text in the vocabulary.
        prompt: the whole prompt, in the order of the model's training. ``{files}`` are the pieces of this and other
            files, each as ``file`` says; ``{behind}`` is the text behind the cursor. It ends either with ``{before}``,
            the text before the cursor, or has its lines above the cursor's as ``{above}`` and ends with what is left of
            the cursor on its line, ``{line}``, behind the token that asks for the middle. Either way the last thing is
            what grows while somebody types. ``{path}``, ``{repository}`` (a name), ``{language}`` and ``{comment}``
            (what begins a comment) are as they read.
        file: one piece: its ``{path}``, and its ``{text}`` or the same as comments, ``{commented}``.
        ends: texts of further tokens that end a completion, beside those in ``tokens`` and those that always do.
        stops: texts, not tokens, at which a completion is cut.
        behind: most tokens of the text behind the cursor; 0 for a share of the prompt.
        one_line: completions have no more than the rest of the line.
    """

    models: str
    source: str
    vocabularies: tuple[Vocabulary, ...]
    tokens: dict[_Text, _Text]
    prompt: str
    file: str
    ends: tuple[_Text, ...] = ()
    stops: tuple[_Text, ...] = ()
    behind: Annotated[int, Meta(ge=0)] = 0
    one_line: bool = False

    def __post_init__(self) -> None:
        """Refuse a row that names what is not there, or a prompt that does not end before the cursor.

        Raises:
            ValueError: which msgspec turns into its own error.
        """
        slots = [match["slot"] for match in ITEM.finditer(self.prompt) if match["slot"]]
        inside = [match["slot"] for match in ITEM.finditer(self.file) if match["slot"]]
        roles = {match["token"] for match in ITEM.finditer(self.prompt + self.file) if match["token"]}
        unknown = {*slots} - _PROMPT_SLOTS | {*inside} - _FILE_SLOTS | roles - self.tokens.keys()
        if unknown or len(set(slots)) < len(slots):
            raise ValueError(f"unknown or twice there: {', '.join(sorted(unknown)) or self.prompt}")
        if not _LAST.search(self.prompt) or ("above" in slots) != ("line" in slots):
            raise ValueError("a prompt ends with {before}, or has {above} and ends with {line}, on its own")
        used = {self.tokens[role] for role in roles}
        if not all(used <= {*one.has} for one in self.vocabularies):
            raise ValueError("a vocabulary of this family may lack a token of its prompt")
        if not inside or not self.file.endswith(("{text}", "{commented}", "{text}<file>")):
            raise ValueError("a piece of a file ends with its text")


def marks() -> tuple[str, ...]:
    """Texts of all tokens that ``identify`` looks at, for a vocabulary that can only be asked for single tokens."""
    rows = [family(name) for name in names()]
    told = [text for row in rows for one in row.vocabularies for text in (*one.has, *one.lacks)]
    used = [text for row in rows for text in (*row.tokens.values(), *row.ends)]
    return tuple(sorted({*told, *used, *_ENDS}))


class Identity(msgspec.Struct, frozen=True):
    """What a vocabulary says about how its model is asked; names are the tokens' texts.

    Attributes:
        template: name of the family.
        special_tokens: name to id: all that a prompt uses or that is never shown.
        end_tokens: names of those that end a completion, the model's own end of text first.
        begin: name of the token that every prompt begins with; empty for none.
    """

    template: str
    special_tokens: dict[str, int]
    end_tokens: tuple[str, ...]
    begin: str = ""


@cache
def names() -> tuple[str, ...]:
    """All families."""
    found = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


@cache
def family(name: str) -> Family:
    """A family by its name.

    Raises:
        ModelError: there is none of that name, or its file is damaged.
    """
    if name not in names():
        raise ModelError(
            f"The model's prompt template '{name}' is unknown to this version of Offhand. "
            f"Known: {', '.join(names())}. Install a newer version or choose another model."
        )
    try:
        return msgspec.toml.decode((resources.files(__name__) / f"{name}.toml").read_bytes(), type=Family)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelError(
            f"The prompt family '{name}' cannot be used: {error}. Install Offhand again."
        ) from error


def identify(
    tokens: Mapping[str, int],
    *,
    architecture: str = "",
    bos: int | None = None,
    eos: int | None = None,
    eot: int | None = None,
    add_bos: bool = False,
    fim: Mapping[str, int] | None = None,
    control: Collection[str] = (),
) -> Identity:
    """Tell how a model is asked from its vocabulary and metadata.

    Args:
        tokens: text to id of the whole vocabulary.
        architecture: ``general.architecture``.
        bos, eos, eot: ids that the metadata names.
        add_bos: every text begins with ``bos`` (``tokenizer.ggml.add_bos_token``).
        fim: role (``prefix``, ``suffix``, ``middle``) to the id that the metadata names. A family that has another
            token in one of these roles is not the right one.
        control: texts of all tokens that the vocabulary itself marks as special; none is ever shown.

    Returns:
        the family and its tokens; ``PLAIN`` if the model was not trained to fill in the middle.
    """
    template = _best(tokens, architecture, fim or {})
    row = family(template)
    by_id = {token: text for text, token in tokens.items()}
    own = [by_id[token] for token in (eos, eot) if token in by_id]
    ends = tuple(
        dict.fromkeys(text for text in (*own, *row.tokens.values(), *row.ends, *_ENDS) if text in tokens)
    )
    begin = by_id.get(bos, "") if add_bos and bos is not None else ""
    every = (*ends, *row.tokens.values(), begin, *control)
    special = {text: tokens[text] for text in every if text in tokens}
    return Identity(template, dict(sorted(special.items(), key=lambda item: item[1])), ends, begin)


def _best(tokens: Mapping[str, int], architecture: str, fim: Mapping[str, int]) -> str:
    """The family that fits and asks for most."""
    fitting: list[tuple[tuple[bool, int], str]] = []
    for name in names():
        row = family(name)
        contradicted = any(
            role in fim and role in row.tokens and tokens.get(row.tokens[role]) != fim[role] for role in _HOLE
        )
        if name != PLAIN and not contradicted:
            fitting += [(one.weight, name) for one in row.vocabularies if one.fits(tokens, architecture)]
    return max(fitting)[1] if fitting else PLAIN
