"""``offhand models``: a file that somebody brings is copied whole or not at all, described, chosen, removed again."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf_files as made
import msgspec
import pytest

from lsp_server.base import atomic, digest
from lsp_server.base.config import Config
from lsp_server.base.errors import ConfigError, ModelError
from lsp_server.cli import main, settings_file
from lsp_server.completion.asking import capacity_of, context_of
from lsp_server.completion.session import Session
from lsp_server.completion.startup import load_message
from lsp_server.models import choosing, copying, probe, store
from lsp_server.models.probe import Probe

TINY = made.tiny()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OFFHAND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Tiny Coder (Q8).gguf"
    path.write_bytes(TINY)
    return path


class Ran(msgspec.Struct):
    status: int
    out: str
    err: str


@pytest.fixture
def offhand(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*arguments: str | Path) -> Ran:
        status = main.main(["models", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(status, printed.out, printed.err)

    return run


def measured(name: str, line_s: float, machine: str = "") -> None:
    """As if a model had been measured: a line takes so long."""
    model = store.find(name)
    speed = 20 / line_s
    figures = Probe(machine or probe.machine(), "llama_cpp", 1, speed, speed, 100.0, 100.0, "2026-01-31")
    probe.write(model.probe_file, figures)


# --- add


def test_add_copies_and_describes(file: Path, offhand: Callable[..., Ran], home: Path) -> None:
    """Everything that a manifest says comes from the file; the copy has its hash; the family from its vocabulary."""
    ran = offhand("add", file, "--no-probe")
    assert ran.status == 0
    assert "Added 'tiny-coder-q8': Tiny Coder, 109 k parameters, Q8_0, asked as the family 'qwen'" in ran.out
    model = store.find("tiny-coder-q8")
    store.verify(model)
    about = model.manifest
    assert (about.author, about.licence, about.quantisation) == ("Nobody", "apache-2.0", "Q8_0")
    assert (about.context_length, about.parameters, about.begin, about.imported) == (512, 108_736, "", True)
    assert about.model.sha256 == hashlib.sha256(TINY).hexdigest()
    assert set(made.SPECIAL) <= about.special_tokens.keys()
    assert sorted(path.name for path in model.folder.iterdir()) == [
        "manifest.json",
        "model.gguf",
        "tokenizer.json",
    ]
    again = offhand("add", file, "--no-probe")
    assert again.status == 1
    assert "There is a model 'tiny-coder-q8' already" in again.err


def test_a_file_that_names_other_tokens_is_of_no_family(file: Path, offhand: Callable[..., Ran]) -> None:
    """What the metadata says of the tokens around a hole counts more than that they are there."""
    file.write_bytes(made.tiny({"tokenizer.ggml.fim_mid_token_id": 0}))
    assert "asked as the family 'plain'" in offhand("add", file, "--no-probe").out


def test_a_link_leaves_the_file_where_it_is(file: Path, offhand: Callable[..., Ran]) -> None:
    """For a stick: nothing is copied; when it is pulled out commands say what to do, and no other model suffers."""
    assert offhand("add", file, "--link", "--name", "stick", "--no-probe").status == 0
    model = store.find("stick")
    assert model.model_file == file.resolve()
    assert not (model.folder / "model.gguf").exists()
    store.verify(model)
    measured("stick", 0.1)
    assert choosing.find("auto").manifest.name == "stick"
    file.unlink()
    ran = offhand("verify", "stick")
    assert ran.status == 1
    assert "is missing. It was linked, not copied: plug in its drive" in ran.out
    assert choosing.find("auto").manifest.name == "bundled"
    assert "stick" in offhand("list").out
    assert offhand("remove", "stick").status == 0


def test_a_linked_file_that_was_exchanged_is_refused(file: Path, offhand: Callable[..., Ran]) -> None:
    """The hash is of the file that was added, whatever lies there now."""
    offhand("add", file, "--link", "--name", "stick", "--no-probe")
    file.write_bytes(made.tiny(seed=2))
    ran = offhand("verify", "stick")
    assert ran.status == 1
    assert "the sha256 differs" in ran.out


@pytest.mark.parametrize(
    ("changes", "arguments", "complaint"),
    [
        ({"general.architecture": "bert"}, (), "a model that compares texts"),
        ({"tokenizer.ggml.model": "rwkv"}, (), "is of the kind 'rwkv' (RWKV)"),
        ({"tokenizer.ggml.model": None}, (), "does not say of which kind it is"),
        ({"llama.context_length": 32}, (), "a context of fewer than 64 tokens"),
        ({}, ("--template", "nonsense"), "template 'nonsense' is unknown"),
        ({}, ("--template", "codellama"), "Leave --template out: its vocabulary is that of 'qwen'"),
        ({}, ("--name", "auto"), "'auto' cannot be a model's name"),
        ({}, ("--name", "../up"), "'../up' cannot be a model's name"),
        ({}, ("--name", "bundled"), "There is a model 'bundled' already"),
    ],
)
def test_what_cannot_be_served_is_refused(
    file: Path,
    offhand: Callable[..., Ran],
    home: Path,
    changes: dict[str, Any],
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    """One sentence, and nothing is left in the store."""
    file.write_bytes(made.tiny(changes))
    ran = offhand("add", file, "--no-probe", *arguments)
    assert ran.status == 1
    assert complaint in ran.err
    assert not list((home / "data").rglob("*.*"))


# --- copying


def test_an_interrupted_copy_goes_on(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is compared and kept, the rest is written; a part that differs is written anew."""
    monkeypatch.setattr(copying, "_BLOCK", 1000)
    target, part = tmp_path / "model.gguf", tmp_path / "model.gguf.part"
    for begun in (TINY[:50_500], TINY[:30_000] + b"?" * 20_000, TINY + b"more"):
        part.write_bytes(begun)
        assert copying.copy(file, target) == hashlib.sha256(TINY).hexdigest()
        assert target.read_bytes() == TINY
        assert not part.exists()
        target.unlink()


class Broken:
    """A file whose reading or writing fails after some bytes."""

    def __init__(self, file: Any, after: int, error: OSError) -> None:
        self._file, self._left, self._error = file, after, error

    def _use(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise self._error

    def read(self, count: int) -> bytes:
        self._use(count)
        data: bytes = self._file.read(count)
        return data

    def write(self, data: bytes) -> int:
        self._use(len(data))
        return len(data)


def test_a_stick_that_is_pulled_out_keeps_what_was_copied(
    file: Path, offhand: Callable[..., Ran], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says how to go on; ``list`` shows no half model and says that one was begun."""
    monkeypatch.setattr(copying, "_BLOCK", 1000)
    work = copying._copy
    gone = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr(copying, "_copy", lambda one, *rest: work(Broken(one, 50_000, gone), *rest))  # type: ignore[arg-type]
    ran = offhand("add", file, "--name", "tiny", "--no-probe")
    assert ran.status == 1
    assert "cannot be read any more: Input/output error. What was copied is kept" in ran.err
    assert (home / "data" / "models" / "tiny" / "model.gguf.part").stat().st_size == 50_000
    listed = offhand("list")
    assert "tiny" not in listed.out
    assert "holds an unfinished copy" in listed.err
    monkeypatch.setattr(copying, "_copy", work)
    assert offhand("add", file, "--name", "tiny", "--no-probe").status == 0
    store.verify(store.find("tiny"))


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "cannot be written: No space left on device. Make room",
        ),
        (OSError(errno.EROFS, "Read-only file system"), "cannot be written: Read-only file system"),
    ],
)
def test_a_disk_that_takes_no_more_keeps_nothing(
    file: Path,
    offhand: Callable[..., Ran],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    complaint: str,
) -> None:
    """Room that half a copy takes is of no use to anyone."""
    work = copying._copy
    monkeypatch.setattr(copying, "_copy", lambda one, two, three: work(one, Broken(two, 0, error), three))  # type: ignore[arg-type]
    monkeypatch.setattr(Broken, "read", lambda self, count: b"")
    monkeypatch.setattr(Broken, "seek", lambda self, place: None, raising=False)
    monkeypatch.setattr(Broken, "truncate", lambda self: None, raising=False)
    ran = offhand("add", file, "--name", "tiny", "--no-probe")
    assert ran.status == 1
    assert complaint in ran.err
    assert not (home / "data" / "models" / "tiny").exists()


def test_no_room_is_said_before_anything_is_written(
    file: Path, offhand: Callable[..., Ran], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much is needed, how much there is, and the way without."""
    monkeypatch.setattr(copying.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    ran = offhand("add", file, "--no-probe")
    assert "0 MB are needed, 0 MB are free. Make room, or leave the file where it is with --link" in ran.err
    assert not (home / "data" / "models" / "tiny-coder-q8").exists()


def test_a_file_that_grows_meanwhile_is_refused(
    file: Path, offhand: Callable[..., Ran], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that still runs is no model yet."""
    work = copying._copy

    def grow(*arguments: Any) -> str:
        done = work(*arguments)
        with file.open("ab") as more:
            more.write(b"more")
        return done

    monkeypatch.setattr(copying, "_copy", grow)
    ran = offhand("add", file, "--name", "tiny", "--no-probe")
    assert "changed while it was copied. Wait until it is complete" in ran.err
    assert not (home / "data" / "models" / "tiny").exists()


def test_a_copy_that_reads_otherwise_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A faulty disk is found out, and the copy goes."""
    monkeypatch.setattr(copying, "sha256", lambda path, on_progress: "0" * 64)
    with pytest.raises(ModelError, match="reads otherwise than it was written"):
        copying.copy(file, tmp_path / "copy.gguf")
    assert [path.name for path in tmp_path.glob("copy*")] == []


def test_a_home_that_cannot_be_written_to(file: Path, offhand: Callable[..., Ran], home: Path) -> None:
    """The sentence names the way out."""
    home.write_text("no folder")
    ran = offhand("add", file, "--no-probe")
    assert ran.status == 1
    assert "Set OFFHAND_HOME to a folder that can be written to" in ran.err


def test_too_little_memory_is_said(
    file: Path, offhand: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is copied; who is at a terminal is asked."""
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1_000_000})())
    ran = offhand("add", file, "--name", "tiny", "--no-probe")
    assert "MB of memory, 1 MB are free" in ran.err
    assert ran.status == 0
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", lambda question: "")
    assert "Nothing was added" in offhand("add", file, "--name", "other", "--no-probe").out
    assert "Nothing was removed" in offhand("remove", "tiny").out
    assert [model.manifest.name for model in store.installed()[0]] == ["bundled", "small", "tiny"]


# --- which one is used


def test_use_changes_one_line_of_the_settings(home: Path, file: Path, offhand: Callable[..., Ran]) -> None:
    """Comments, order, line ends and what Offhand does not know stay."""
    settings = home / "config" / "config.toml"
    settings.parent.mkdir(parents=True)
    before = "# mine\r\nthreads = 2   # two\r\nmodel = 'old' # why\r\n\r\n[later]\r\nx = [1,\r\n  2]\r\n"
    settings.write_bytes(before.encode())
    offhand("add", file, "--name", "tiny", "--no-probe")
    ran = offhand("use", "tiny", "--json")
    assert json.loads(ran.out) == {"setting": "tiny", "model": "tiny", "file": str(settings)}
    assert settings.read_bytes().decode() == before.replace("'old'", '"tiny"')
    assert "no model 'absent'" in offhand("use", "absent").err
    assert settings.read_bytes().decode() == before.replace("'old'", '"tiny"')


def test_use_writes_above_the_tables(home: Path) -> None:
    """A setting that is new does not become part of the last table; a file that is no TOML is left alone."""
    settings = home / "config" / "config.toml"
    settings_file.put(settings, "model", "auto")
    assert settings.read_text() == 'model = "auto"\n'
    settings.write_text("[http]\nurl = 'x'\n")
    settings_file.put(settings, "model", "auto")
    assert settings.read_text() == "model = \"auto\"\n\n[http]\nurl = 'x'\n"
    settings.write_text("model = \n")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        settings_file.put(settings, "model", "auto")
    assert settings.read_text() == "model = \n"


def test_removing_the_model_in_use_falls_back(home: Path, file: Path, offhand: Callable[..., Ran]) -> None:
    """The settings have the bundled one then, and the command says so; what ships stays."""
    offhand("add", file, "--name", "tiny", "--no-probe")
    offhand("use", "tiny")
    ran = offhand("remove", "tiny", "--yes")
    assert "It was in use: the settings have 'bundled' now" in ran.out
    assert 'model = "bundled"' in (home / "config" / "config.toml").read_text()
    assert not (home / "data" / "models" / "tiny").exists()
    assert "comes with Offhand and stays" in offhand("remove", "bundled").err


def test_nothing_outside_the_store_is_removed(tmp_path: Path, home: Path) -> None:
    """Not even where a link in the store leads there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "data" / "models").mkdir(parents=True)
    link = home / "data" / "models" / "link"
    link.symlink_to(elsewhere)
    for folder in (elsewhere, link):
        with pytest.raises(ModelError, match="not a folder of your own models"):
            store.remove(folder)
    assert elsewhere.exists()


def test_auto_takes_the_largest_that_is_quick(
    file: Path, offhand: Callable[..., Ran], tmp_path: Path
) -> None:
    """By what was measured on this machine; a large slow one, one that was not measured, and figures of another machine
    do not count."""
    larger = tmp_path / "larger.gguf"
    larger.write_bytes(made.tiny(layers=3))
    offhand("add", file, "--name", "tiny", "--no-probe")
    offhand("add", larger, "--name", "large", "--no-probe")
    assert choosing.find("auto").manifest.name == "bundled"
    measured("tiny", 0.05)
    assert choosing.find("auto").manifest.name == "tiny"
    measured("large", 0.2)
    assert choosing.find("auto").manifest.name == "large"
    measured("large", 0.9)
    assert choosing.find("auto").manifest.name == "tiny"
    measured("bundled", 0.1)  # it has more weights than these two
    assert choosing.find("auto").manifest.name == "bundled"
    measured("tiny", 0.05, machine="another")
    measured("bundled", 0.1, machine="another")
    assert choosing.find("auto").manifest.name == "bundled"
    assert store.find("bundled").probe is None


def test_several_models_may_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offhand: Callable[..., Ran]
) -> None:
    """Both are listed; what was measured of them lies in the user's folder, by hash; ``auto`` goes by that."""
    shipped = store.find("bundled")
    cache = tmp_path / "model_cache"
    for name, parameters in (("bundled", 5_000_000), ("larger", 27_000_000)):
        (cache / name).mkdir(parents=True)
        about = msgspec.structs.replace(shipped.manifest, name=name, parameters=parameters)
        about = msgspec.structs.replace(
            about,
            model=msgspec.structs.replace(about.model, sha256=hashlib.sha256(name.encode()).hexdigest()),
        )
        (cache / name / "manifest.json").write_bytes(msgspec.json.encode(about))
        (cache / name / about.model.name).touch()
    monkeypatch.setattr(store, "directory", lambda name: cache)
    assert [row["name"] for row in json.loads(offhand("list", "--json").out)] == ["bundled", "larger"]
    assert choosing.find("auto").manifest.name == "bundled"
    measured("larger", 0.4)
    assert store.find("larger").probe_file.parent == tmp_path / "home" / "data" / "probes"
    assert store.find("larger").manifest.prompt_tokens == 0  # made for its own length
    assert choosing.find("auto").manifest.name == "larger"
    measured("larger", 0.6)
    assert choosing.find("auto").manifest.name == "bundled"
    assert "comes with Offhand and stays" in offhand("remove", "larger").err


# --- what follows from a measurement


@pytest.mark.parametrize(
    ("line_s", "busy", "verdict"),
    [
        (0.05, 1.0, "about 1.3 s, then about 0.05 s a line: quick"),
        (0.8, 1.2, "about 21 s, then about 0.8 s a line: usable, but you will often type faster"),
        (
            2.0,
            3.14,
            "2 s a line: too slow to help while typing (just now 3.1 times slower, since the machine is busy)",
        ),
    ],
)
def test_the_verdict_is_in_words(line_s: float, busy: float, verdict: str) -> None:
    """How long one waits, at first and then, and what that means."""
    speed = 20 / line_s
    figures = Probe(probe.machine(), "llama_cpp", 1, speed, speed, 100.0, 100.0, "2026-01-31", busy)
    assert figures.verdict(512).endswith(verdict)


def test_damaged_figures_are_as_if_there_were_none(file: Path, offhand: Callable[..., Ran]) -> None:
    """They are no part of what is trusted, nor needed."""
    offhand("add", file, "--name", "tiny", "--no-probe")
    for content in (b"", b"{}", b"[" * 100_000, b"\xff"):
        store.find("tiny").probe_file.write_bytes(content)
        assert store.find("tiny").probe is None
    assert "not measured" in offhand("list").out


@pytest.mark.parametrize(
    ("prompt_speed", "context", "tokens"),
    [
        (1000, 4000, 2048),
        (400, 4000, 960),
        (400, 416, 416),
        (85, 4000, 256),
        (0, 4000, 256),
        (1000, 100, 100),
    ],
)
def test_a_cold_prompt_takes_seconds_at_most(prompt_speed: float, context: int, tokens: int) -> None:
    """As many tokens as are evaluated in 2.5 s, in steps, within bounds."""
    figures = Probe(probe.machine(), "llama_cpp", 1, prompt_speed, 20, 0, 0, "")
    assert figures.prompt_tokens(context) == tokens


def test_the_served_context_follows(file: Path, offhand: Callable[..., Ran]) -> None:
    """A model with a long context is not served with all of it: its cache would take gigabytes."""
    file.write_bytes(made.tiny({"llama.context_length": 131_072}))
    offhand("add", file, "--name", "long", "--no-probe")
    assert capacity_of(store.find("long").manifest) == 2048
    measured("long", 0.05)  # 400 tokens a second
    about = store.find("long").manifest
    assert (capacity_of(about), context_of(about)) == (960, 1056)
    shipped = store.find("bundled").manifest
    assert context_of(shipped) == shipped.context_length


def test_an_added_model_never_reaches_the_old_engine(file: Path, offhand: Callable[..., Ran]) -> None:
    """ctransformers crashes on bad files; of its own accord and by order it gets what ships or was trained here."""
    offhand("add", file, "--name", "tiny", "--no-probe")
    session, model = Session(Config()), store.find("tiny")
    assert (load_message(session, model).engine, load_message(session, model).otherwise) == ("llama_cpp", "")
    session.config = Config(engine="ctransformers")
    with pytest.raises(Exception, match="is given no model that was added"):
        load_message(session, model)
    assert load_message(session, store.find("bundled")).engine == "ctransformers"


# --- hashes that are remembered


def test_a_large_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing says that it changed; a change of a byte, of the time alone, or another file in its place
    says so."""
    monkeypatch.setattr(digest, "_LARGE", 1000)
    monkeypatch.setattr(digest, "_SETTLED_S", -1.0)
    reads: list[str] = []
    work = digest._sha256
    monkeypatch.setattr(digest, "_sha256", lambda file, *rest: reads.append(file.name) or work(file, *rest))
    path = tmp_path / "large"
    path.write_bytes(b"x" * 2000)
    expected = hashlib.sha256(b"x" * 2000).hexdigest()
    assert [digest.remembered(path) for _ in range(3)] == [expected] * 3
    assert len(reads) == 1
    path.write_bytes(b"x" * 1999 + b"y")
    os.utime(path, ns=(1, 1))
    assert digest.remembered(path) != expected
    atomic.write(path, b"x" * 2000)
    assert digest.remembered(path) == expected
    assert len(reads) == 3
    (tmp_path / "small").write_bytes(b"x")
    digest.remembered(tmp_path / "small")
    digest.remembered(tmp_path / "small")
    assert len(reads) == 5


def test_a_file_that_changed_just_now_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could change again within what the file system's clock tells apart."""
    monkeypatch.setattr(digest, "_LARGE", 1000)
    path = tmp_path / "large"
    path.write_bytes(b"x" * 2000)
    digest.remembered(path)
    assert not (tmp_path / "home" / "state" / "hashes.json").exists()
