"""How a byte-level BPE cuts text into words before it merges inside of them: one row for each ``tokenizer.ggml.pre``.

A row is regular expressions in the syntax of Oniguruma, which the tokenizers library uses; each cuts what the one
before it left. A word's tokens depend on nothing outside of it. Does not know vocabularies or files.

The names, and what they mean, are llama.cpp's: ``llm_tokenizer_bpe`` and ``llama_vocab::impl::load`` in
https://github.com/ggml-org/llama.cpp/blob/00ad355e009e83abf98f96a6ded7193b95763681/src/llama-vocab.cpp. Where it has to
simplify for std::regex (upper and lower case outside of ASCII, combining marks) the expression is that of the model's
own tokenizer.json, which llama.cpp quotes beside its own: on that the network was trained.
"""

import msgspec


class Cutting(msgspec.Struct, frozen=True):
    """How text is cut.

    Attributes:
        patterns: regular expressions; what matches is a word, and so is what stands between two matches.
        whole_words: a word that is a token becomes it, whatever the merges would make of it.
    """

    patterns: tuple[str, ...]
    whole_words: bool = False


_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

_CONTRACTION = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"

_ONE_DIGIT = rf"{_CONTRACTION}|{_WORD}|\p{{N}}|{_SIGNS}|{_BLANKS}"
_THREE_DIGITS = rf"{_CONTRACTION}|{_WORD}|\p{{N}}{{1,3}}|{_SIGNS}|{_BLANKS}"

#: A word ends where its lower case ends.
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CAMEL = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+%s|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*%s"
_SIGNS_AND_SLASHES = r" ?[^\s\p{L}\p{N}]+[\r\n/]*"
_TEKKEN = rf"{_CAMEL % ('', '')}|\p{{N}}|{_SIGNS_AND_SLASHES}|{_BLANKS}"
_GPT4O = rf"{_CAMEL % (_CONTRACTION + '?', _CONTRACTION + '?')}|\p{{N}}{{1,3}}|{_SIGNS_AND_SLASHES}|{_BLANKS}"

#: Letters of DeepSeek's first tokenizers: those of scripts with two cases, but for a few. Code points, hexadecimal.
_DEEPSEEK_LETTERS = (
    "41-5a 61-7a b5 c0-d6 d8-f6 f8-1ba 1bc-1bf 1c4-293 295-2af 370-373 376 377 37b-37d 37f 386 388-38a 38c "
    "38e-3a1 3a3-3f5 3f7-481 48a-52f 531-556 10a0-10c5 13a0-13f5 13f8-13fd 1c90-1cba 1cbd-1cbf 1d00-1d2b "
    "1d6b-1d77 1d79-1d9a 1e00-1f15 1f18-1f1d 1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 "
    "1fb6-1fbc 1fbe 1fc2-1fc4 1fc6-1fcc 1fd0-1fd3 1fd6-1fdb 1fe0-1fec 1ff2-1ff4 1ff6-1ffc 2102 2107 210a-2113 "
    "2115 2119-211d 2124 2126 2128 212a-212d 212f-2134 2139 213c-213f 2145-2149 214e 2183 2184 2c00-2c7b "
    "2c7e-2ce4 2ceb-2cee 2cf2 2cf3 a640-a66d a680-a69b a722-a76f a771-a787 a78b-a78e ab70-abbf fb00-fb06 "
    "fb13-fb17 ff21-ff3a ff41-ff5a 10400-1044f 104b0-104d3 104d8-104fb 10c80-10cb2 10cc0-10cf2 118a0-118df "
    "1e900-1e943 "
)


def _ranges(text: str) -> str:
    """A character class of code points and ranges of them."""
    ends = (part.split("-") for part in text.split())
    return "[" + "".join("-".join(f"\\x{{{end}}}" for end in pair) for pair in ends) + "]"


_DEEPSEEK_LLM = (
    r"[\r\n]",
    rf"\s?{_ranges(_DEEPSEEK_LETTERS)}+",
    rf"\s?{_ranges('21-2f 3a-7e ff01-ff0f ff1a-ff5e 2018-201f 3000-3002')}+",
    r"\s+\z",
    rf"{_ranges('4e00-9fa5 800-4e00 ac00-d7ff')}+",
    r"\p{N}+",
)
_DEEPSEEK_CODER = (
    r"[\r\n]",
    r"\s?\p{L}+",
    r"\s?\p{P}+",
    rf"{_ranges('4e00-9fa5 800-4e00 ac00-d7ff')}+",
    r"\p{N}",
)
_DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    rf"{_ranges('4e00-9fa5 3040-309f 30a0-30ff')}+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    rf"| ?[\p{{P}}\p{{S}}]+[\r\n]*|{_BLANKS}",
)

#: Names to how they cut. One that is not here cuts as ``gpt-2``.
_TABLE: tuple[tuple[str, Cutting], ...] = (
    ("gpt-2 phi-2 gigachat mellum exaone4 mpt olmo jais trillion granite-docling", Cutting((_GPT2,))),
    (
        "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
        Cutting((r"\p{N}", _GPT2)),
    ),
    (
        "default",
        Cutting((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    ),
    ("falcon", Cutting((r"[\p{P}\$\+<=>\^~\|`]+", _GPT2, "[0-9][0-9][0-9]"))),
    ("qwen2 deepseek-r1-qwen kormo megrez stablelm2 hunyuan solar-open grok-2", Cutting((_ONE_DIGIT,))),
    (
        "qwen35",
        Cutting(
            (
                rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}"
                rf"| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_BLANKS}",
            )
        ),
    ),
    (
        "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2",
        Cutting((_THREE_DIGITS,), whole_words=True),
    ),
    ("glm4 chatglm-bpe dbrx smaug-bpe", Cutting((_THREE_DIGITS,))),
    ("deepseek-llm", Cutting(_DEEPSEEK_LLM)),
    ("deepseek-coder", Cutting(_DEEPSEEK_CODER)),
    ("deepseek-v3 hunyuan-dense joyai-llm", Cutting(_DEEPSEEK_V3)),
    ("tekken", Cutting((_TEKKEN,), whole_words=True)),
    ("gpt-4o llama4 kanana2 minimax-m2", Cutting((_GPT4O,))),
    (
        "seed-coder",
        Cutting((rf"{_CONTRACTION}|{_WORD}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{_BLANKS}",)),
    ),
    (
        "bailingmoe bailingmoe2 llada-moe",
        Cutting(
            (
                r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])"
                rf"|{_WORD}|\p{{N}}|{_SIGNS}|\s*[\r\n]|\s+(?!\S)|\s+",
            )
        ),
    ),
    # Of numbers of more than 99 digits only the end is cut: the expression takes time by their length squared.
    ("superbpe", Cutting((r"\p{N}+", r"(?=(?:[0-9]{3}){1,33}(?![0-9]))"))),
)

#: Name to how it cuts.
CUTTINGS = {name: cutting for names, cutting in _TABLE for name in names.split()}
