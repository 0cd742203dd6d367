"""Cuts the text at the first special token, of the model in use or of any well-known family.

An engine ends at its own special tokens; what arrives here was spelt out in plain characters, by a model that
was trained on another family's format or was given the wrong template. Does not know which model is running.
"""

import msgspec

from lsp_server.completion.types import Candidate, Surroundings

#: Of all families of ``prompt.families`` (a test compares them), of Llama 3 and of ChatML.
_WELL_KNOWN = (
    *(
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
        "<|fim_pad|>",
    ),
    *("<|repo_name|>", "<|file_sep|>", "<|file_separator|>", "<|filename|>", "<|reponame|>", "<|cursor|>"),
    *("<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|EOT|>", "<|end|>"),
    *("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<start_of_turn>", "<end_of_turn>"),
    *("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"),
    *("<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<fim-pad>"),
    *("<file_sep>", "<repo_name>", "<reponame>", "<filename>", "<gh_stars>"),
    *("<PRE>", "<SUF>", "<MID>", "<EOT>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
    *("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>", "[gMASK]", "<sop>"),
    *("<|prefix|>", "<|suffix|>", "<|middle|>", "<|mask:0|>", "<|mask:1|>", "<|endofmask|>", "<|/ file"),
    *("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", "<[PAD\u2581TOKEN]>", "<[SEP\u2581TOKEN]>"),
    *("<[begin\u2581of\u2581sentence]>", "<[end\u2581of\u2581sentence]>"),
    *("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    *("<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
    "</s>",
)

#: What people write themselves, in HTML and in code about models. A model that has a token of such a name ends at it;
#: spelt out in characters it is text.
_WRITTEN = frozenset(
    ("<s>", "<pad>", "<unk>", "<eos>", "<bos>", "<mask>", "[MASK]", "[PAD]", "[CLS]", "[SEP]", "[UNK]")
)

#: The end of the text may be the beginning of a token, where the deadline came in its middle. Fewer
#: characters than these are ordinary code ("<|" is an operator in some languages).
_SHORTEST_BEGINNING = 4


def _cut(text: str, tokens: tuple[str, ...]) -> int:
    places = [place for token in tokens if (place := text.find(token)) >= 0]
    if places:
        return min(places)
    for token in tokens:
        if token.startswith(("<|", "<\uff5c")):
            for length in range(min(len(token) - 1, len(text)), _SHORTEST_BEGINNING - 1, -1):
                if text.endswith(token[:length]):
                    return len(text) - length
    return len(text)


def apply(candidate: Candidate, around: Surroundings) -> Candidate | str:
    """Cut at the first special token, also at one that the end of the text has cut short."""
    tokens = (*(token for token in around.special_tokens if token and token not in _WRITTEN), *_WELL_KNOWN)
    text = candidate.text
    while (place := _cut(text, tokens)) < len(text):
        text = text[:place]
    if text == candidate.text:
        return candidate
    if not text.strip():
        return "begins with a special token of a model"
    return msgspec.structs.replace(candidate, text=text)
