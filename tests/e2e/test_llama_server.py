"""The bundled model in llama.cpp's own server, asked as llama.vim and llama.vscode do: ``/infill``, suffix first."""

import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama import HOW, MODEL, SERVER, Server, started

#: Real places, in files that Python brings along; characters around them that fit into the context, if they are code
#: and not tables of numbers.
SOURCES = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
PLACES, ABOVE, BELOW = 40, 3 * MODEL.manifest.context_length // 2, MODEL.manifest.context_length // 2


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None, reason=HOW),
    pytest.mark.skipif(
        "<|fim_suffix|>" not in MODEL.manifest.special_tokens,
        reason="the bundled model was not trained on llama.cpp's special tokens",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("llama") / "log", "--spm-infill") as running:
        yield running


def places() -> Iterator[tuple[dict[str, str], str]]:
    """Questions as llama.vim puts them, and the true rest of the line: in the middle of lines that go on."""
    chance = random.Random(1)
    texts = [path.read_text("utf-8") for path in SOURCES]
    code = [text for text in texts if sum(map(str.isdigit, text)) < 0.03 * len(text)]
    for text in chance.sample(code, PLACES):
        lines = text.splitlines(keepends=True)
        row = chance.choice([number for number, line in enumerate(lines) if len(line.strip()) > 20])
        line = lines[row].rstrip()
        column = chance.randint(len(line) - len(line.lstrip()) + 4, len(line) - 4)
        above, below = "".join(lines[:row])[-ABOVE:], ("\n" + "".join(lines[row + 1 :]))[:BELOW]
        yield {"input_prefix": above, "prompt": line[:column], "input_suffix": below}, line[column:]


def test_most_replies_say_something(server: Server) -> None:
    """A model that was not trained on this order says at once that nothing is missing; this one was. How many replies
    are right depends on how long it was trained: that is printed, not judged."""
    said, right, begun = 0, 0, 0
    for question, truth in places():
        reply = server.ask("/infill", **question, n_predict=24, temperature=0, cache_prompt=False)["content"]
        first = reply.split("\n")[0].rstrip()
        said += bool(reply.strip())
        right += first == truth
        begun += bool(first) and truth.startswith(first[:3])
    print(f"{PLACES} places: {said} replies, {right} exact rests of lines, {begun} begin right")
    assert said > PLACES / 2, f"{said} of {PLACES} replies"


def test_the_server_reads_text_as_the_model_was_taught(server: Server) -> None:
    """The special tokens have their roles, and a newline is an ordinary token."""
    question = {"input_prefix": "a = 1\n", "prompt": "b = ", "input_suffix": "\nc = 3\n"}
    reply = server.ask("/infill", **question, n_predict=1, temperature=0)
    assert reply["prompt"] == "<|fim_suffix|>\nc = 3\n<|fim_prefix|>a = 1\nb = <|fim_middle|>"
    ids = server.ask("/tokenize", content="a\n\n    b")["tokens"]
    assert min(ids) >= len(MODEL.manifest.special_tokens)
