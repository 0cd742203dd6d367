"""The HTTP engine against recorded and broken replies, over real sockets on loopback. Nothing here sleeps."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cases import Case, parametrize
from shipped import MODEL, prompt, tokenizer
from webserver import TLS, Reply, reply, serving

from lsp_server.base.config import Http
from lsp_server.base.errors import EngineError
from lsp_server.engine.backends.absent import Absent
from lsp_server.engine.backends.http.engine import HttpEngine
from lsp_server.engine.backends.http.patience import FIRST_PAUSE_S, Patience
from lsp_server.engine.decoder import Decoder
from lsp_server.engine.messages import Complete, Finished, Infill, Partial, Stop
from lsp_server.prompt.families import marks

#: An OpenAI-style server with one model.
MODELS = Reply(body=b'{"data":[{"id":"m"}]}')
ANSWER = Reply(
    content="text/event-stream",
    body=b'data: {"choices":[{"index":0,"text":"x + 1","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)


class Clock:
    """Time that passes only where it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def alone() -> Decoder:
    known = tokenizer()
    return Decoder(Absent(known.vocabulary, 4_096), known, MODEL.manifest.end_tokens)


@contextmanager
def engine(url: str, clock: Clock | None = None, **settings: Any) -> Iterator[HttpEngine]:
    clock = clock or Clock()
    chosen = Http(url=url, **{"template": "offhand", "api": "openai", **settings})
    made = HttpEngine(chosen, marks(), alone(), patience=Patience(clock), sleep=clock.sleep)
    try:
        yield made
    finally:
        made.close()


def ask(
    engine: HttpEngine,
    before: str = "y = ",
    after: str = "",
    stop: Stop | None = None,
    extra: tuple[tuple[str, str], ...] = (),
    *,
    infill: bool = False,
    seconds: float = 20.0,
    cancelled: Callable[[], bool] = lambda: False,
    typed: Callable[[], str] = lambda: "",
    on_partial: Callable[[Partial], None] = lambda partial: None,
) -> Finished:
    parts = () if infill else prompt(before, after)
    request = Complete(7, parts, stop or Stop(), 40, 20_000, infill=Infill(before, after, extra))
    deadline = time.monotonic() + seconds
    return engine.complete(
        request, deadline=deadline, cancelled=cancelled, typed=typed, on_partial=on_partial
    )


def replies(case: Case) -> dict[str, Sequence[Reply]]:
    return {name: [reply(text)] for name, text in case.sections.items() if name.startswith("/")}


@parametrize("http_replies")
def test_recorded_replies(case: Case) -> None:
    """What is asked of each kind of server, and what becomes of its answer."""
    settings, expected = case.values("settings"), case.values("expect")
    extra = tuple(case.values("extra").items())
    partial: list[str] = []
    with serving(replies(case)) as server, engine(server.url, **settings) as made:
        kind, *rest = case.sections.get("stop", "line").split()
        stop = Stop("block", int(rest[0])) if kind == "block" else Stop()
        found = ask(
            made,
            case.sections["before"],
            case.sections.get("after", ""),
            stop,
            extra,
            infill=settings.get("template") == "infill",
            on_partial=lambda one: partial.append(one.text),
        )
        about, context = made.served, made.context
    if "trouble" in expected:
        assert found.trouble is not None
        assert expected["trouble"] in found.trouble.text
        return
    assert found.trouble is None
    steps = ", ".join(f"{step.characters} {round(step.logprob, 2)}" for step in found.steps)
    assert about is not None
    seen = {
        "text": json.dumps(found.text),
        "reason": found.reason,
        "steps": steps,
        "partial": json.dumps("".join(partial)),
        "context": str(context),
        "model": about.model,
        "tokens": json.dumps(about.tokens),
        "prompt_tokens": str(found.prompt_tokens),
    }
    assert {name: seen[name] for name in expected} == expected
    wanted = case.values("asked")
    if wanted:
        question = next(one for one in server.asked if one.path == wanted["path"])
        body = json.loads(wanted["body"])
        assert {name: question.body[name] for name in body} == body
        if "lacks" in wanted:
            assert wanted["lacks"] not in question.body


@parametrize("http_broken")
def test_broken_replies(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """A sentence says what is wrong, without what the server said; what cannot help is not tried again."""
    clock = Clock()
    script = {"/v1/models": [MODELS], **replies(case)}
    with serving(script) as server, engine(server.url, clock) as made:
        found = ask(made)
        tries = [one.path for one in server.asked].count("/v1/completions")
    assert found.text == ""
    assert found.trouble is not None
    assert case.sections["trouble"] in found.trouble.text
    assert "PRIVATE" not in found.trouble.text + caplog.text
    assert tries == int(case.sections.get("tries", "1"))
    assert len(clock.slept) == tries - 1


def test_a_server_that_comes_back_is_asked_again() -> None:
    """While it loads it is left alone between tries; the pause is forgotten once it answers."""
    clock = Clock()
    loading = Reply(503)
    script = {"/v1/models": [MODELS], "/v1/completions": [*[loading] * 6, ANSWER]}
    with serving(script) as server, engine(server.url, clock) as made:
        assert ask(made).trouble is not None
        asked = len(server.asked)
        assert ask(made).trouble is not None
        assert len(server.asked) == asked  # not even tried
        clock.now += FIRST_PAUSE_S
        assert ask(made).trouble is not None
        clock.now += FIRST_PAUSE_S
        assert ask(made).trouble is not None  # the second pause is longer
        clock.now += FIRST_PAUSE_S
        found = ask(made)
        assert (found.text, found.trouble) == ("x + 1", None)
        assert ask(made).text == "x + 1"


def test_a_busy_server_is_asked_again_within_the_request() -> None:
    """One refusal costs a short pause, no suggestion."""
    clock = Clock()
    script = {"/v1/models": [MODELS], "/v1/completions": [Reply(503), ANSWER]}
    with serving(script) as server, engine(server.url, clock) as made:
        found = ask(made)
    assert (found.text, found.trouble) == ("x + 1", None)
    assert clock.slept == [0.05]


def test_one_connection_serves_many_requests() -> None:
    """An answer that came to its end leaves the connection open."""
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server, engine(server.url) as made:
        for _ in range(3):
            assert ask(made).text == "x + 1"
        assert server.connections == 1


def test_nobody_listens() -> None:
    """Refused at the start and at each request; then not asked for a while."""
    with serving({}) as server:
        url = server.url
    clock = Clock()
    with engine(url, clock) as made:
        assert made.served is None
        found = ask(made)
        assert found.trouble is not None
        assert "cannot be reached" in found.trouble.text
        assert found.trouble.lasting


def test_cancelling_closes_the_stream() -> None:
    """The server sees the connection go, and the request ends as cancelled."""
    hanging = Reply(content="text/event-stream", body=b'data: {"choices":[{"text":"x"}]}\n\n', fault="hang")
    with (
        serving({"/v1/models": [MODELS], "/v1/completions": [hanging]}) as server,
        engine(server.url) as made,
    ):
        found = ask(made, cancelled=lambda: server.asked[-1].path == "/v1/completions")
        assert (found.reason, found.text, found.trouble) == ("cancelled", "", None)
        assert server.gone.wait(10)


@pytest.mark.parametrize(
    ("typed", "reason", "text"),
    [("", "deadline", "one two "), ("one t", "deadline", "one two "), ("one a", "cancelled", "")],
)
def test_a_deadline_keeps_what_was_said(typed: str, reason: str, text: str) -> None:
    """A line without its last word, which may be half of one; where typing goes another way it is not waited for."""
    said = b'data: {"choices":[{"text":"one two thr"}]}\n\n'
    hanging = Reply(content="text/event-stream", body=said, fault="hang")
    with (
        serving({"/v1/models": [MODELS], "/v1/completions": [hanging]}) as server,
        engine(server.url) as made,
    ):
        found = ask(made, seconds=20.0 if reason == "cancelled" else 0.3, typed=lambda: typed)
        assert (found.reason, found.text, found.trouble) == (reason, text, None)
        assert server.gone.wait(10)


def test_a_slow_server_is_forgiven_twice() -> None:
    """It may be reading a long prompt; from the third request in a row on it is left alone."""
    hanging = Reply(content="text/event-stream", fault="hang")
    with (
        serving({"/v1/models": [MODELS], "/v1/completions": [hanging]}) as server,
        engine(server.url) as made,
    ):
        troubles = [ask(made, seconds=0.05).trouble for _ in range(4)]
        asked = [one.path for one in server.asked].count("/v1/completions")
    assert [one.lasting for one in troubles if one] == [False, False, True, True]
    assert asked == 3


def test_a_silent_server_is_not_waited_for() -> None:
    """The setting bounds the pause between two parts of an answer."""
    hanging = Reply(content="text/event-stream", fault="hang")
    script = {"/v1/models": [MODELS], "/v1/completions": [hanging]}
    with serving(script) as server, engine(server.url, timeout_ms=50) as made:
        found = ask(made)
    assert found.trouble is not None
    assert "is silent" in found.trouble.text


def test_the_api_is_found_out() -> None:
    """Each server has a question that the others do not answer; a stranger has none."""
    props = Reply(body=b'{"default_generation_settings":{"n_ctx":512},"total_slots":1}')
    tags = Reply(body=b'{"models":[{"name":"m"}]}')
    for script, api in (
        ({"/props": [props], "/tokenize": [Reply(body=b'{"tokens":[]}')]}, "llama-server"),
        ({"/api/tags": [tags], "/api/show": [Reply(body=b"{}")], "/v1/models": [MODELS]}, "ollama"),
        ({"/v1/models": [MODELS]}, "openai"),
        ({"/": [MODELS]}, ""),
    ):
        with serving(script) as server, engine(server.url, api="auto", template="auto") as made:
            assert (made.served.api if made.served else "") == api
            if not api:
                trouble = ask(made).trouble
                assert trouble is not None
                assert "speaks none of the known APIs" in trouble.text


# --- who is trusted


def test_a_token_goes_along_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the header of each request; in no text of the engine's objects."""
    monkeypatch.setenv("TEAM_TOKEN", "sesame-7")
    script = {"/v1/models": [MODELS], "/v1/completions": [ANSWER, Reply(401)]}
    with serving(script) as server, engine(server.url, token_env="TEAM_TOKEN") as made:
        assert ask(made).text == "x + 1"
        refused = ask(made)
        assert refused.trouble is not None
        assert "refuses its token" in refused.trouble.text
        texts = [repr(value) for value in vars(made).values()] + [
            repr(value) for value in vars(made._connection).values()
        ]
    assert {one.headers["authorization"] for one in server.asked} == {"Bearer sesame-7"}
    assert "sesame" not in refused.trouble.text + "".join(texts)


def test_a_token_file(tmp_path: Path) -> None:
    """It must be the user's alone."""
    file = tmp_path / "token"
    file.write_text("sesame-8\n")
    file.chmod(0o600)
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server:
        with engine(server.url, token_file=str(file)) as made:
            assert ask(made).text == "x + 1"
        assert server.asked[-1].headers["authorization"] == "Bearer sesame-8"
        if os.name == "posix":
            file.chmod(0o640)
            with pytest.raises(EngineError, match="chmod 600"), engine(server.url, token_file=str(file)):
                pass


@pytest.mark.parametrize("secret", ["", "two words", "line\nbreak", "ümlaut", "x" * 9_000])
def test_what_is_no_token(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is sent, without being repeated."""
    monkeypatch.setenv("TEAM_TOKEN", secret)
    with pytest.raises(EngineError, match="TEAM_TOKEN") as refused:
        HttpEngine(Http(url="http://127.0.0.1:1", token_env="TEAM_TOKEN"), (), alone())
    assert not secret or secret not in str(refused.value)


def test_tls_is_verified() -> None:
    """A certificate of nobody we trust is refused, by name; one of the site's own CA is taken."""
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}, tls=True) as server:
        url = f"https://127.0.0.1:{server.server_port}"
        with engine(url) as made:
            trouble = ask(made).trouble
        assert trouble is not None
        assert "is not trusted" in trouble.text
        assert server.asked == []
        with engine(url, ca_file=str(TLS / "ca.pem")) as made:
            assert ask(made).text == "x + 1"
        with engine(f"https://localhost:{server.server_port}", ca_file=str(TLS / "ca.pem")) as made:
            assert ask(made).text == "x + 1"


def test_the_name_in_the_certificate_must_be_the_servers() -> None:
    """The site's CA does not make every machine the server."""
    with serving({"/v1/models": [MODELS]}, tls=True) as server:
        url = f"https://127.0.0.2:{server.server_port}"
        with engine(url, ca_file=str(TLS / "ca.pem")) as made:
            trouble = ask(made).trouble
    assert trouble is not None
    assert "is not trusted" in trouble.text or "cannot be reached" in trouble.text


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    """It is said at the start."""
    file = tmp_path / "ca.pem"
    for content in (None, "nothing"):
        if content is not None:
            file.write_text(content)
        with pytest.raises(EngineError, match=r"http\.ca_file"):
            HttpEngine(Http(url="https://127.0.0.1:1", ca_file=str(file)), (), alone())


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for this machine's own server must not go through another's."""
    with serving({}) as proxy, serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with engine(server.url) as made:
            assert ask(made).text == "x + 1"
        assert proxy.connections == 0


def test_requests_from_two_threads_in_turn() -> None:
    """The engine is made by the thread that loads and asked by the one that answers."""
    found: list[str] = []
    with serving({"/v1/models": [MODELS], "/v1/completions": [ANSWER]}) as server, engine(server.url) as made:
        other = threading.Thread(target=lambda: found.append(ask(made).text))
        other.start()
        other.join()
        found.append(ask(made).text)
    assert found == ["x + 1", "x + 1"]


def test_a_request_that_the_server_never_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``localhost`` resolves to is looked at; an address off this machine is not connected to."""
    import asyncio

    async def elsewhere(self: Any, host: str, port: int, **more: Any) -> list[Any]:
        return [(2, 1, 6, "", ("192.0.2.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", elsewhere)
    with engine("http://localhost:9") as made:
        trouble = ask(made).trouble
    assert trouble is not None
    assert "does not lead to this machine alone" in trouble.text
