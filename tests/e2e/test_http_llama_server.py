"""The HTTP engine and llama.cpp's own server with the small model: every API of it, cancelling, restarts, tokens."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from llama import HOW, MODEL, SERVER, Server, free_port, started
from shipped import prompt, tokenizer
from synthetic import vocabulary_like, write_gguf
from test_http_engine import Clock, ask, engine

from lsp_server.base.config import Http
from lsp_server.completion import served
from lsp_server.engine.backends.ctransformers import CTransformers
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.decoding import complete
from lsp_server.engine.messages import Complete, Infill, Partial, Stop
from lsp_server.prompt.families import family
from lsp_server.prompt.render import About, Budget, render
from lsp_server.prompt.window import Window

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SERVER is None, reason=HOW)]

HEAD = "import os\n\n\ndef total(values):\n    result = sum(values)\n    "
TAIL = "\n\n\ndef other():\n    pass\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("llama") / "log", "--slots", "-np", "1") as running:
        yield running


def test_it_is_recognised(server: Server) -> None:
    """By its API; its model by the special tokens that it has."""
    with engine(server.url, api="auto", template="auto") as made:
        about = made.served
    assert about is not None
    assert (about.api, about.context) == ("llama-server", MODEL.manifest.context_length)
    assert about.tokens["<|fim_suffix|>"] == MODEL.manifest.special_tokens["<|fim_suffix|>"]
    settings = Http(url=server.url)
    assert not served.lays_out(settings, about)
    known = served.as_model(MODEL, settings, about, ("python",)).manifest
    assert (known.template, known.context_length) == ("offhand", MODEL.manifest.context_length)


def test_it_writes_what_the_local_engine_writes(server: Server) -> None:
    """The same prompt, healed the same way, ended at the same place, with the same probabilities but for rounding."""
    local = Decoder(CTransformers(MODEL.model_file, 1_024, 1), tokenizer(), MODEL.manifest.end_tokens)
    alike = 0
    starts = [
        "return res",
        "return ",
        "retu",
        "for value in val",
        "os.pa",
        "result.",
        "if not val",
        "print(res",
    ]
    with engine(server.url, api="llama-server") as made:
        for start in starts:
            far = ask(made, HEAD + start, TAIL)
            assert far.trouble is None
            assert far.prompt_tokens > 20
            request = Complete(
                1, prompt(HEAD + start, TAIL), Stop(), 40, 20_000, without=("memory", "candidates")
            )
            near = complete(local, request)
            if far.text == near.text:
                alike += 1
                assert far.reason == near.reason
                assert sum(step.logprob for step in far.steps) == pytest.approx(
                    sum(step.logprob for step in near.steps), abs=0.5
                )
    local.close()
    assert alike >= len(starts) - 2, alike  # another kernel may break a tie


def test_a_block_comes_line_by_line(server: Server) -> None:
    """Its complete lines on the way, the whole at its end, cut by the indentation."""
    seen: list[Partial] = []
    with engine(server.url, api="llama-server") as made:
        found = ask(made, "def total(values):", TAIL, Stop("block", 0), on_partial=seen.append)
    assert found.reason in ("block", "length")
    assert found.text.startswith("\n    ")
    assert all(found.text.startswith(one.text) for one in seen)


def test_it_lays_out_a_prompt_itself(server: Server) -> None:
    """``/infill``, with a piece of another file, healed too."""
    extra = (("app/other.py", "def totals(values): ...\n"),)
    with engine(server.url, api="llama-server", template="infill") as made:
        found = ask(made, HEAD + "return res", TAIL, extra=extra, infill=True)
    assert found.trouble is None
    assert found.steps


def test_its_openai_api(server: Server) -> None:
    """The same model behind the other API: no healing there, so at the start of a word."""
    with engine(server.url, api="openai") as made:
        assert made.served is not None
        found = ask(made, HEAD + "return", TAIL)
    assert found.trouble is None
    assert found.text.startswith(" ")
    assert found.steps


def test_cancelling_stops_the_server(server: Server) -> None:
    """It computes no further once the stream is closed, long before the tokens that were asked for."""
    seen: list[Partial] = []
    with engine(server.url, api="llama-server") as made:
        stop = Stop("block", -1, max_lines=500)
        request = Complete(1, prompt("x = 1\n", TAIL), stop, 900, 60_000, infill=Infill("x = 1\n", TAIL))
        found = made.complete(
            request,
            deadline=time.monotonic() + 60,
            cancelled=lambda: bool(seen),
            on_partial=seen.append,
        )
    assert found.reason == "cancelled"
    until = time.monotonic() + 30
    while (slot := server.get("/slots")[0])["is_processing"]:
        assert time.monotonic() < until
    assert slot["n_prompt_tokens"] < 500  # in its cache, prompt included; it was asked for 900


def test_a_family_is_told_by_its_tokens(tmp_path: Path) -> None:
    """A model in Qwen's shape: laid out as Qwen's are, tokens by their ids in the server, healed behind the middle."""
    file = tmp_path / "shape.gguf"
    write_gguf(file, vocabulary_like(("<|endoftext|>", *family("qwen").tokens.values())), "qwen2")
    settings = Http(url="http://127.0.0.1:1")
    with started(tmp_path / "log", "-c", "512", model=file) as running:
        with engine(running.url, api="auto", template="auto") as made:
            assert made.served is not None
            assert not served.lays_out(settings, made.served)
            manifest = served.as_model(MODEL, settings, made.served, ()).manifest
            assert manifest.template == "qwen"
            assert "<|endoftext|>" in manifest.end_tokens
            window = Window(HEAD + "return res", TAIL, 0)
            about = About("app/main.py", "project", "python")
            laid_out = render("qwen", window, about, (), Budget(0, 90, 300))
            request = Complete(1, laid_out, Stop(), 8, 60_000, infill=Infill(window.prefix, window.suffix))
            found = made.complete(
                request, deadline=time.monotonic() + 60, cancelled=lambda: False, on_partial=lambda one: None
            )
        assert (found.trouble, found.error) == (None, "")
        assert found.steps
        text = "".join(part.text for part in laid_out)
        ids = running.ask("/tokenize", content=text, parse_special=True)["tokens"]
    assert [ids.count(made.served.tokens[name]) for name in family("qwen").tokens.values()] == [1] * 5


def test_it_is_restarted(tmp_path: Path) -> None:
    """While it is down there is a reason; once it is back and the pause is over it answers again."""
    port, clock = free_port(), Clock()
    with engine(f"http://127.0.0.1:{port}", clock, api="auto", template="auto") as made:
        assert made.served is None
        for _ in range(2):
            clock.now += 60
            trouble = ask(made, HEAD + "return res", TAIL).trouble
            assert trouble is not None
            assert "cannot be reached" in trouble.text
            with started(tmp_path / "log", port=port):
                clock.now += 60
                found = ask(made, HEAD + "return res", TAIL)
                assert found.trouble is None
                assert found.text.startswith("ult")


def test_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one is refused with a sentence, the right one is taken."""
    with started(tmp_path / "log", "--api-key", "sesame-9") as running:
        for token, complaint in (("sesame-8", "refuses its token"), ("sesame-9", "")):
            monkeypatch.setenv("TEAM_TOKEN", token)
            with engine(running.url, api="llama-server", token_env="TEAM_TOKEN") as made:
                found = ask(made, HEAD + "return res", TAIL)
                assert (found.trouble is not None) == bool(complaint)
                assert complaint in (found.trouble.text if found.trouble else "")
        with engine(running.url, api="llama-server") as made:
            trouble = ask(made, HEAD + "return res", TAIL).trouble
            assert trouble is not None
            assert "wants a token" in trouble.text
