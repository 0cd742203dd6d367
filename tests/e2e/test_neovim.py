"""The plugin in real Neovims, every version at hand: with a scripted server for odd answers, and with the real one."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.neovim_session import Session, find_neovims, wait_for

NEOVIMS = find_neovims()
HOW = "no Neovim: run tests/e2e/get_debian.sh sid neovim:nvim, or set OFFHAND_NVIM"
STUB = Path(__file__).with_name("stub_server.py")

#: The fake engine copies what followed the longest earlier match, so a repeated line is completed as before.
CODE = "def first(value):\n    result = compute(value)\n    return result\n\n\ndef second(value):\n"
GREETING = {"before": "def f(", "items": [{"text": "x):\n    return x", "command": True}]}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not NEOVIMS, reason=HOW)]


@pytest.fixture(params=sorted(NEOVIMS) or ["none"])
def neovim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    session = Session(NEOVIMS[request.param], tmp_path / "home", {"OFFHAND_HOME": str(tmp_path / "offhand")})
    yield session
    session.close()


@pytest.fixture
def server_command() -> list[str]:
    return [sys.executable, "-m", "lsp_server.cli.main", "serve"]


class Stub:
    """An open file whose server follows a script."""

    def __init__(self, neovim: Session, folder: Path) -> None:
        self.neovim, self.folder, self.log = neovim, folder, folder / "log.jsonl"

    def start(
        self, *rules: dict[str, Any], text: str = "", setup: dict[str, Any] | None = None, **script: Any
    ) -> None:
        """Open ``project/a.py`` with this text and wait until the server is ready; the cursor is at the very end."""
        path = self.folder / "script.json"
        path.write_text(json.dumps({"encoding": "utf-16", "rules": rules, **script}))
        file = self.folder / "project" / "a.py"
        (file.parent / ".git").mkdir(parents=True)
        file.write_bytes(text.encode())
        command = [sys.executable, str(STUB), str(path), str(self.log)]
        # Keys that a test types in one go are asked about once, however slowly Neovim takes them.
        options = {"cmd": command, "debounce_ms": 30, **(setup or {})}
        self.neovim.lua("require('offhand').setup(...)", options)
        self.neovim.open(file)
        self.ready()
        self.neovim.keys("G$")

    def ready(self) -> None:
        """Wait until the server runs and knows the file."""
        wait_for(lambda: "offhand: ready" in status(self.neovim), "the server is ready")
        wait_for(
            lambda: self.neovim.lua(
                "return require('offhand.client').of(vim.api.nvim_get_current_buf()) ~= nil"
            ),
            "the file is known",
        )

    def lines(self) -> list[str]:
        """What the stub has noted; a line that it is writing just now is none yet."""
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []

    def sent(self, method: str) -> list[Any]:
        """The parameters of all messages of a kind that the server got."""
        lines = self.lines()
        return [message["params"] for message in map(json.loads, lines) if message.get("method") == method]

    def asked(self) -> int:
        return len(self.sent("textDocument/inlineCompletion"))


@pytest.fixture
def stub(neovim: Session, tmp_path: Path) -> Stub:
    return Stub(neovim, tmp_path)


def status(neovim: Session) -> str:
    return str(neovim.lua("return require('offhand').statusline()"))


def type_until_ghost(neovim: Session, keys: str) -> list[str]:
    neovim.keys(keys)
    return list(wait_for(neovim.ghost, f"a suggestion after {keys}"))


def no_complaint(neovim: Session) -> None:
    said = neovim.messages()
    assert "bug" not in said
    assert "Error" not in said
    assert "E5108" not in said


# --- shown, followed, taken


def test_ghost_text_is_on_the_screen_and_tab_takes_it(neovim: Session, stub: Stub) -> None:
    """All lines are drawn in place, Tab makes them text, the cursor stands behind, the server hears of it."""
    stub.start(GREETING, text="import os\n")
    assert type_until_ghost(neovim, "odef f(") == ["x):", "    return x"]
    assert neovim.screen()[:3] == ["import os", "def f(x):", "    return x"]
    assert neovim.lines() == ["import os", "def f("]
    neovim.keys("<Tab>")
    assert neovim.lines() == ["import os", "def f(x):", "    return x"]
    assert neovim.cursor() == (3, 12)
    assert neovim.ghost() == []
    heard = wait_for(lambda: stub.sent("workspace/executeCommand"), "the server hears of the acceptance")
    assert heard == [{"command": "offhand.accepted", "arguments": [0]}]
    no_complaint(neovim)


def test_taking_is_one_undo_step(neovim: Session, stub: Stub) -> None:
    """u takes back what was typed afterwards, then the suggestion, and leaves what was typed before."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys("<Tab> + 1<Esc>")
    assert neovim.lines() == ["def f(x):", "    return x + 1"]
    neovim.keys("u")
    assert neovim.lines() == ["def f(x):", "    return x"]
    neovim.keys("u")
    assert neovim.lines() == ["def f("]


def test_word_by_word_and_line_by_line(neovim: Session, stub: Stub) -> None:
    """Parts are taken in turn, the rest stays; the last part counts as an acceptance of the whole."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    seen = []
    for key in ("<M-Right>", "<M-End>", "<M-Right>", "<M-End>"):
        neovim.keys(key)
        seen.append((neovim.lines(), neovim.cursor(), neovim.ghost()))
    assert seen == [
        (["def f(x"], (1, 7), ["):", "    return x"]),
        (["def f(x):"], (1, 9), ["    return x"]),
        (["def f(x):", "    return"], (2, 10), [" x"]),
        (["def f(x):", "    return x"], (2, 12), []),
    ]
    assert stub.asked() == 1
    wait_for(lambda: stub.sent("workspace/executeCommand"), "the server hears of the acceptance")


def test_typing_along_shrinks_it_without_a_flash(neovim: Session, stub: Stub) -> None:
    """While the typed text agrees, no drawing of the screen is without the suggestion, and no request is made."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.lua(_WATCH_DRAWING)
    for key, rest in zip("x):", ["):", ":", "    return x"], strict=True):
        neovim.keys(key)
        assert neovim.ghost()[0] == rest
        neovim.screen()
    drawn = neovim.lua("return drawn")
    assert len(drawn) >= 3
    assert all(drawn)
    assert stub.asked() == 1


_WATCH_DRAWING = """
drawn = {}
local space = vim.api.nvim_get_namespaces().offhand
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('test'), {
  on_win = function()
    table.insert(drawn, #vim.api.nvim_buf_get_extmarks(0, space, 0, -1, {}) > 0)
  end,
})
"""


def test_further_lines_are_added_to_what_is_shown(neovim: Session, stub: Stub) -> None:
    """The first line comes at once; when the server says that there is more it is asked again, and gets taken whole."""
    first, whole = {"text": "x):"}, {"text": "x):\n    return x", "command": True}
    stub.start({"before": "def f(", "items": [first], "more": [whole]})
    neovim.keys("idef f(")
    wait_for(lambda: neovim.ghost() == ["x):", "    return x"], "both lines")
    assert stub.asked() == 2
    neovim.keys("<Tab>")
    assert neovim.lines() == ["def f(x):", "    return x"]
    no_complaint(neovim)


def test_backspace_within_what_was_typed_along_brings_it_back(neovim: Session, stub: Stub) -> None:
    """The suggestion grows again by what is deleted of it."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys("x)<BS>")
    assert neovim.ghost() == ["):", "    return x"]


def test_typing_the_line_end_and_its_indent_goes_on_in_the_next_line(neovim: Session, stub: Stub) -> None:
    """A suggestion of several lines is followed across the line end."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys("x):<CR>")
    assert neovim.ghost() == ["    return x"]
    neovim.keys("    re")
    assert neovim.ghost() == ["turn x"]


def test_other_text_drops_it(neovim: Session, stub: Stub) -> None:
    """What does not agree hides the suggestion at once."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys("y")
    assert neovim.ghost() == []
    assert neovim.lines() == ["def f(y"]


@pytest.mark.parametrize("away", ["<Esc>", "<Left>", "<C-]>"])
def test_leaving_hides_it(neovim: Session, stub: Stub, away: str) -> None:
    """Leaving Insert mode, moving the cursor away and the dismiss key hide it; the text is as typed."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys(away)
    assert neovim.ghost() == []
    assert neovim.lines() == ["def f("]


def test_next_shows_the_other_ones_in_turn(neovim: Session, stub: Stub) -> None:
    """The key goes round; with none shown it asks, and says that it was asked for."""
    stub.start({"before": "a = ", "items": [{"text": "first"}, {"text": "second"}], "shape": "object"})
    assert type_until_ghost(neovim, "ia = ") == ["first"]
    neovim.keys("<M-]>")
    assert neovim.ghost() == ["second"]
    neovim.keys("<M-]>")
    assert neovim.ghost() == ["first"]
    neovim.keys("<C-]>")
    assert type_until_ghost(neovim, "<M-]>") == ["first"]
    assert [params["context"]["triggerKind"] for params in stub.sent("textDocument/inlineCompletion")] == [
        2,
        1,
    ]


# --- where it is inserted


def test_swallowing_what_was_closed_automatically(neovim: Session, stub: Stub) -> None:
    """A range that reaches behind the cursor replaces the bracket there, on the screen and in the text."""
    stub.start({"before": "print(", "items": [{"text": "a, b)", "replace": 1}]}, text="print)\n")
    type_until_ghost(neovim, "0f)i(")
    assert neovim.screen()[0] == "print(a, b)"
    neovim.keys("<Tab>")
    assert neovim.lines() == ["print(a, b)"]
    assert neovim.cursor() == (1, 11)


def test_in_the_middle_of_a_line(neovim: Session, stub: Stub) -> None:
    """What stands behind moves to the right on the screen, also when a part of it is swallowed."""
    stub.start({"before": "print(", "items": [{"text": "a, b)", "replace": 1}]}, text="print) + rest\n")
    type_until_ghost(neovim, "0f)i(")
    assert neovim.screen()[0] == "print(a, b) + rest"
    neovim.keys("<Tab>")
    assert neovim.lines() == ["print(a, b) + rest"]
    assert neovim.cursor() == (1, 11)


def test_several_lines_in_the_middle_of_a_line(neovim: Session, stub: Stub) -> None:
    """The screen shows what would come out: the rest of the line behind the last new line."""
    stub.start({"before": "f(", "items": [{"text": "a,\n  b"}]}, text="f) + rest\n")
    type_until_ghost(neovim, "0f)i(")
    shown = neovim.screen()[:2]
    neovim.keys("<Tab>")
    assert shown == neovim.lines() == ["f(a,", "  b) + rest"]
    assert neovim.cursor() == (2, 3)


def test_a_range_that_begins_before_the_cursor(neovim: Session, stub: Stub) -> None:
    """Its text repeats what stands there; only the rest is shown and inserted."""
    stub.start({"before": "x = val", "items": [{"text": "value()", "back": 3}]})
    assert type_until_ghost(neovim, "ix = val") == ["ue()"]
    neovim.keys("<Tab>")
    assert neovim.lines() == ["x = value()"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_astral_and_combined_characters_before_the_cursor(neovim: Session, stub: Stub, encoding: str) -> None:
    """Columns are right in each encoding that this Neovim offers."""
    if encoding != "utf-16" and not neovim.lua("return vim.fn.has('nvim-0.11') == 1"):
        encoding = "utf-16"  # older ones know no other
    rule = {"before": '"😀é", (', "items": [{"text": "ü😀)", "replace": 1}]}
    stub.start(rule, text='x = "😀é", ) # 😀\n', encoding=encoding)
    type_until_ghost(neovim, "0f)i(")
    assert (
        stub.sent("textDocument/inlineCompletion")[0]["position"]["character"]
        == {
            "utf-8": 15,
            "utf-16": 12,
            "utf-32": 11,
        }[encoding]
    )
    neovim.keys("<Tab>")
    assert neovim.lines() == ['x = "😀é", (ü😀) # 😀']


def test_crlf_file_stays_crlf(neovim: Session, stub: Stub, tmp_path: Path) -> None:
    """A suggestion with either line end goes into a CRLF file as CRLF, without stray characters."""
    stub.start(
        {"before": "def f(", "items": [{"text": "x):\r\n    return x"}]},
        {"before": "def g(", "items": [{"text": "x):\n    return x"}]},
        text="import os\r\n",
    )
    type_until_ghost(neovim, "odef f(")
    neovim.keys("<Tab><CR>")
    type_until_ghost(neovim, "def g(")
    neovim.keys("<Tab><Esc>:write<CR>")
    assert (tmp_path / "project" / "a.py").read_bytes() == (
        b"import os\r\ndef f(x):\r\n    return x\r\ndef g(x):\r\n    return x\r\n"
    )


def test_tabs_are_drawn_as_wide_as_they_will_be(neovim: Session, stub: Stub) -> None:
    """Virtual text knows no tabs; the plugin draws their width."""
    stub.start({"before": "x", "items": [{"text": "\ty\n\tz"}]})
    neovim.api.command("set tabstop=4")
    type_until_ghost(neovim, "ix")
    assert neovim.screen()[:2] == ["x   y", "    z"]


# --- keys do what they did before


@pytest.mark.parametrize(
    ("mapping", "outcome"),
    [
        ("", "\t"),
        ("inoremap <Tab> old", "old"),
        ("imap <Tab> <Tab>old", "\told"),
        ("inoremap <expr> <Tab> 'o' . 'ld'", "old"),
        ('inoremap <expr> <Tab> pumvisible() ? "\\<C-n>" : "\\<C-v>u0041"', "A"),
        ("lua vim.keymap.set('i', '<Tab>', function() return 'o<Left>' end, { expr = true })", "o"),
        ("lua vim.keymap.set('i', '<Tab>', function() vim.g.pressed = 1 end)", ""),
        ("autocmd FileType python inoremap <buffer> <Tab> local", "local"),
    ],
)
def test_tab_falls_back(neovim: Session, stub: Stub, mapping: str, outcome: str) -> None:
    """Without a suggestion Tab is what it was: a tab or the user's mapping; with one it takes it."""
    neovim.api.command("set noexpandtab softtabstop=0")
    if mapping:
        neovim.api.command(mapping)
    stub.start(GREETING)
    neovim.api.command("setlocal noexpandtab softtabstop=0")
    neovim.keys("i<Tab><Esc>")
    assert neovim.lines() == [outcome]
    type_until_ghost(neovim, "odef f(")
    neovim.keys("<Tab>")
    assert neovim.lines()[1].endswith("def f(x):")
    no_complaint(neovim)


def test_the_completion_menu_hides_it(neovim: Session, stub: Stub) -> None:
    """No suggestion while the menu is open, Tab is left alone; it is back when the menu is closed."""
    stub.start({"before": "al", "items": [{"text": "pha"}]}, text="alpha\nalto\n")
    type_until_ghost(neovim, "oal")
    neovim.keys("<C-n>")
    wait_for(lambda: neovim.api.eval("pumvisible()"), "the menu")
    assert neovim.ghost() == []
    neovim.keys("<C-e>")
    assert wait_for(neovim.ghost, "the suggestion again") == ["pha"]


def test_no_suggestion_in_a_macro(neovim: Session, stub: Stub) -> None:
    """Neither recording nor running a macro asks for one, and a Tab in it stays a Tab."""
    stub.start(GREETING, {"before": "z", "items": [{"text": "end"}]})
    neovim.api.command("setlocal noexpandtab softtabstop=0")
    neovim.keys("qaidef f(<Tab><Esc>q")
    neovim.keys("o<Esc>@a")
    assert neovim.lines() == ["def f(\t", "def f(\t"]
    type_until_ghost(neovim, "oz")
    assert stub.asked() == 1


# --- answers that are late, odd or wrong


def test_superseded_requests_are_cancelled_and_late_answers_dropped(neovim: Session, stub: Stub) -> None:
    """An answer for a place that the cursor has left is never shown; the server is told."""
    stub.start(
        {"before": "one", "items": [{"text": "LATE"}], "delay": 0.5},
        {"before": "two", "items": [{"text": "right"}], "delay": 1.0},
    )
    neovim.keys("ione")
    wait_for(lambda: stub.asked() == 1, "the first request")
    neovim.keys(" two")
    assert wait_for(neovim.ghost, "the second answer") == ["right"]
    assert len(stub.sent("$/cancelRequest")) == 1


ODD: list[Any] = [
    None,
    [],
    {},
    {"items": None},
    "text",
    7,
    [None, 3, "x", {}, {"insertText": None}, {"insertText": ""}],
    [{"insertText": {"kind": "snippet", "value": "$1"}}],
    [
        {
            "insertText": "x",
            "range": {"start": {"line": 5, "character": 0}, "end": {"line": 6, "character": 0}},
        }
    ],
    [
        {
            "insertText": "x",
            "range": {"start": {"line": 0, "character": 9}, "end": {"line": 0, "character": 1}},
        }
    ],
    [{"insertText": "x", "range": {"start": None}}],
    [{"insertText": "x", "range": 3}],
]


def test_odd_answers_show_nothing_and_break_nothing(neovim: Session, stub: Stub) -> None:
    """Whatever the server says, typing goes on and no error is shown."""
    rules = [{"before": f"{n:02}", "shape": "raw", "raw": raw} for n, raw in enumerate(ODD)]
    stub.start(*rules, {"before": "ok", "items": [{"text": "ay"}]})
    for number in range(len(ODD) - 1):
        neovim.keys(f"o{number:02}")
        wait_for(lambda wanted=number + 1: stub.asked() == wanted, "the request")
        neovim.keys("<Esc>")
    assert neovim.ghost() == []
    assert type_until_ghost(neovim, "ook") == ["ay"]
    no_complaint(neovim)


def test_a_server_that_dies_harms_nothing(neovim: Session, stub: Stub) -> None:
    """One message, typing goes on, Tab is a Tab, and :OffhandRestart brings it back."""
    stub.start(GREETING, exit_on="textDocument/inlineCompletion")
    neovim.keys("idef f(")
    wait_for(lambda: "offhand: error" in status(neovim), "the end is seen")
    neovim.keys("a<Tab>b<Esc>")
    assert neovim.lines()[0].startswith("def f(a")
    assert neovim.messages().count(":OffhandRestart") == 1
    assert neovim.api.call("mode") == "n"  # no prompt has swallowed a key
    no_complaint(neovim)
    script = json.loads((stub.folder / "script.json").read_text())
    (stub.folder / "script.json").write_text(json.dumps({**script, "exit_on": None}))
    neovim.api.command("OffhandRestart")
    stub.ready()
    assert type_until_ghost(neovim, "odef f(") == ["x):", "    return x"]


def test_a_missing_program_is_said_once(neovim: Session, tmp_path: Path) -> None:
    """Not for every file and not for every key."""
    neovim.lua("require('offhand').setup({ cmd = { 'no-such-program', 'serve' } })")
    for name in ("a.py", "b.py"):
        neovim.open(tmp_path / name)
        neovim.keys("idef f(<Tab>x<Esc>:write<CR>")
    assert (tmp_path / "b.py").read_text().startswith("def f(")
    assert neovim.messages().count("no-such-program") == 1
    assert "install Offhand" in neovim.messages()
    assert status(neovim) == "offhand: missing (no program no-such-program)"
    no_complaint(neovim)


# --- settings, commands, folders


def test_settings_reach_the_server(neovim: Session, stub: Stub) -> None:
    """As initialization options and as the answer to its question."""
    stub.start(setup={"settings": {"multiline": "never"}})
    assert stub.sent("initialize")[0]["initializationOptions"] == {"multiline": "never"}
    assert stub.sent("initialize")[0]["capabilities"]["textDocument"]["inlineCompletion"]
    answers = wait_for(
        lambda: [m for m in map(json.loads, stub.lines()) if m.get("id") == "configuration"],
        "the answer",
    )
    assert answers[0]["result"] == [{"multiline": "never"}]


def test_wrong_options_are_named(neovim: Session) -> None:
    """Each is named and ignored; setup goes on."""
    neovim.lua("require('offhand').setup({ speling = 1, cmd = 3, keys = { accpt = '<Tab>' } })")
    said = neovim.messages()
    assert [name for name in ("speling", "'cmd'", "accpt") if name not in said] == []


def test_commands_before_setup_say_what_to_do(neovim: Session) -> None:
    """They exist from the start."""
    neovim.api.command("OffhandStatus")
    assert "call require('offhand').setup() first" in neovim.messages()


def test_status_and_why_are_readable(neovim: Session, stub: Stub) -> None:
    """The answers appear in a window as indented lines; q closes it."""
    stub.start()
    neovim.api.command("OffhandStatus")
    wait_for(lambda: "model: stub" in neovim.lines(), "the status")
    assert neovim.lines() == [
        "latency_ms:",
        "  p50: 4.5",
        "model: stub",
        "requests: 3",
        "state: ready",
    ]
    neovim.keys("q")
    assert len(neovim.api.windows) == 1
    neovim.api.command("OffhandWhy")
    wait_for(lambda: "  outcome: gate" in neovim.lines(), "the reasons")


def test_the_context_is_readable(neovim: Session, stub: Stub) -> None:
    """The pieces of other files with their reasons, then the prompt, for the cursor where it is."""
    stub.start(GREETING)
    neovim.keys("idef f(<Esc>")
    neovim.api.command("OffhandContext")
    wait_for(lambda: "class Cart:" in neovim.lines(), "the prompt")
    lines = neovim.lines()
    assert "    source: receiver" in lines
    assert lines[-1] == "    # 0:5"


def test_toggle(neovim: Session, stub: Stub) -> None:
    """Off hides what is shown and asks the server to be silent; on brings it back."""
    stub.start(GREETING)
    type_until_ghost(neovim, "idef f(")
    neovim.keys("<Cmd>OffhandToggle<CR>")
    wait_for(lambda: "offhand: off" in neovim.messages(), "off")
    assert neovim.ghost() == []
    neovim.keys("<BS>(")
    wait_for(lambda: stub.asked() == 2, "the request that is answered with nothing")
    assert neovim.ghost() == []
    neovim.keys("<Cmd>OffhandToggle<CR>")
    wait_for(lambda: "offhand: on" in neovim.messages(), "on")
    assert type_until_ghost(neovim, "<BS>(")


def test_a_second_project_joins_the_same_server(neovim: Session, stub: Stub, tmp_path: Path) -> None:
    """One server; its folder is announced once."""
    stub.start(GREETING)
    for name in ("b.py", "c.py"):
        (tmp_path / "other" / ".git").mkdir(parents=True, exist_ok=True)
        neovim.open(tmp_path / "other" / name)
    wait_for(lambda: len(stub.sent("textDocument/didOpen")) == 3, "the files")
    assert type_until_ghost(neovim, "idef f(")
    assert len(stub.sent("initialize")) == 1
    added = [params["event"]["added"] for params in stub.sent("workspace/didChangeWorkspaceFolders")]
    assert [folder["name"] for folders in added for folder in folders] == [str(tmp_path / "other")]


def test_the_server_hears_where_the_cursor_rests(neovim: Session, stub: Stub, tmp_path: Path) -> None:
    """A move in Normal mode and a file that comes to the front are told, in the server's units; not what is typed, nor
    where the cursor is in other files."""
    stub.start(GREETING, text="one = 1\ntwo = '😀' + x\nthree = 3\n")
    told: list[tuple[str, int, int]] = []

    def heard(name: str, line: int, character: int) -> bool:
        told[:] = [
            (Path(at["textDocument"]["uri"]).name, at["position"]["line"], at["position"]["character"])
            for at in stub.sent("offhand/cursor")
        ]
        return told[-1:] == [(name, line, character)]

    wait_for(lambda: heard("a.py", 2, 8), "the place where the file was entered")
    neovim.keys("kfx")
    wait_for(lambda: heard("a.py", 1, 13), "the move")
    before = len(told)
    neovim.keys("onew = 1<Esc>xgg0")
    wait_for(lambda: heard("a.py", 0, 0), "the move after the edits")
    assert len(told) == before + 1
    neovim.open(tmp_path / "notes.txt")
    neovim.keys("ihello<Esc>0")
    neovim.open(tmp_path / "project" / "b.py")
    wait_for(lambda: heard("b.py", 0, 0), "the other file")
    neovim.api.command("buffer a.py")
    wait_for(lambda: heard("a.py", 0, 0), "the first file again")
    assert {name for name, _, _ in told} == {"a.py", "b.py"}
    no_complaint(neovim)


def test_other_files_are_left_alone(neovim: Session, stub: Stub, tmp_path: Path) -> None:
    """No server, no keys and no requests in a file type that is not asked for."""
    stub.start(GREETING)
    neovim.open(tmp_path / "notes.txt")
    neovim.keys("idef f(")
    assert neovim.api.call("mapcheck", "<Tab>", "i") == "" or "offhand" not in neovim.api.call(
        "mapcheck", "<Tab>", "i"
    )
    assert len(stub.sent("textDocument/didOpen")) == 1
    assert stub.asked() == 0


def test_help_is_found(neovim: Session, tmp_path: Path) -> None:
    """The help file has sound tags."""
    from tests.e2e.neovim_session import PLUGIN

    copy = tmp_path / "plugin" / "doc"
    copy.mkdir(parents=True)
    (copy / "offhand.txt").write_text((PLUGIN / "doc" / "offhand.txt").read_text())
    neovim.api.command(f"set rtp^={copy.parent}")
    neovim.api.command(f"helptags {copy}")
    neovim.api.command("noautocmd help :OffhandWhy")
    assert any(":OffhandWhy" in line for line in neovim.lines())


# --- with the real server


@pytest.fixture
def real(neovim: Session, server_command: list[str], tmp_path: Path) -> Callable[[bytes], None]:
    def start(text: bytes = CODE.encode()) -> None:
        (tmp_path / "a.py").write_bytes(text)
        neovim.lua("require('offhand').setup(...)", {"cmd": server_command, "settings": {"engine": "fake"}})
        neovim.open(tmp_path / "a.py")
        wait_for(lambda: "offhand: ready" in status(neovim), "the server is ready")

    return start


def test_real_ghost_text(neovim: Session, real: Callable[..., None]) -> None:
    """Typing makes it appear; Tab takes it; the server counts it."""
    real()
    assert type_until_ghost(neovim, "Go    result = comp") == ["ute(value)"]
    assert neovim.screen()[6] == "    result = compute(value)"
    neovim.keys("<Tab>")
    assert neovim.lines()[6] == "    result = compute(value)"
    assert neovim.cursor() == (7, 27)
    neovim.keys("<Esc>")
    neovim.api.command("OffhandStatus")
    wait_for(lambda: "accepted: 1" in neovim.lines(), "the server has heard of it")
    neovim.keys("q")
    neovim.api.command("OffhandWhy")
    wait_for(lambda: neovim.api.call("bufname").endswith("why") and len(neovim.lines()) > 1, "the reasons")
    no_complaint(neovim)


@pytest.mark.parametrize("typed", ["    y = '😀'; result = comp", "    result = comp"])
def test_real_edits_keep_the_server_in_step(neovim: Session, real: Callable[..., None], typed: str) -> None:
    """Behind an astral character, in a CRLF file, after edits above: the answer still fits the place."""
    real(CODE.replace("\n", "\r\n").encode())
    neovim.keys("ggO# 😀é<Esc>jddu")
    assert type_until_ghost(neovim, "Go" + typed) == ["ute(value)"]
    neovim.keys("<Tab><Esc>:write<CR>")
    assert neovim.lines()[-1] == typed + "ute(value)"
    written = Path(neovim.api.current.buffer.name).read_bytes()
    assert written.count(b"\r\n") == written.count(b"\n") == len(neovim.lines())


def test_real_toggle(neovim: Session, real: Callable[..., None]) -> None:
    """The server says that it is off, and answers nothing until it is on again."""
    real()
    neovim.api.command("OffhandToggle")
    wait_for(lambda: "offhand: disabled" in status(neovim), "off")
    neovim.api.command("OffhandToggle")
    wait_for(lambda: "offhand: ready" in status(neovim), "on")
    assert type_until_ghost(neovim, "Go    result = comp")


def test_real_server_killed(neovim: Session, real: Callable[..., None]) -> None:
    """kill -9 while a suggestion is shown: it goes, typing goes on, a restart brings it back."""
    real()
    type_until_ghost(neovim, "Go    result = comp")
    servers = [
        p for p in psutil.Process(neovim.process.pid).children(recursive=True) if "serve" in p.cmdline()
    ]
    assert servers
    for process in servers:
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: "offhand: error" in status(neovim), "the end is seen")
    assert neovim.ghost() == []
    neovim.keys("u<Esc>")
    assert neovim.lines()[6] == "    result = compu"
    no_complaint(neovim)
    neovim.api.command("OffhandRestart")
    wait_for(lambda: "offhand: ready" in status(neovim), "the server is ready again")
    assert type_until_ghost(neovim, "cc    result = comp")


def test_real_health(neovim: Session, real: Callable[..., None], tmp_path: Path) -> None:
    """Every line says ready, or unavailable with the reason and what to do."""
    (tmp_path / "offhand" / "config").mkdir(parents=True)
    (tmp_path / "offhand" / "config" / "config.toml").write_text('model = "small"\n')  # it is timed
    real()
    neovim.api.command("checkhealth offhand")
    text = wait_for(lambda: (joined := "\n".join(neovim.lines())).count("ready") > 3 and joined, "the report")
    assert "Neovim ready" in text
    assert "program ready" in text
    assert "client ready: attached" in text
    assert "server ready" in text
    assert "doctor unavailable" not in text


def test_real_native_inline_completion(neovim: Session, server_command: list[str], tmp_path: Path) -> None:
    """Neovim's own inline completion works with the description in lsp/offhand.lua."""
    if not neovim.lua("return vim.fn.has('nvim-0.12') == 1"):
        pytest.skip("before 0.12 Neovim has no inline completion of its own")
    (tmp_path / "a.py").write_text(CODE)
    neovim.lua(
        "vim.lsp.config('offhand', { cmd = ..., init_options = { engine = 'fake' } })"
        "vim.lsp.enable('offhand') vim.lsp.inline_completion.enable()",
        server_command,
    )
    neovim.open(tmp_path / "a.py")
    wait_for(lambda: neovim.lua("return #vim.lsp.get_clients({ name = 'offhand' }) == 1"), "the client")
    neovim.keys("Go    result = com")

    def shown() -> list[str]:
        neovim.keys("<BS>m")  # asks anew, should the model not have been loaded at first
        end = 20
        while end and not neovim.ghost():
            end -= 1
            neovim.lua("vim.wait(50)")
        return neovim.ghost()

    assert wait_for(shown, "a suggestion") == ["pute(value)"]
    assert neovim.lua("return vim.lsp.inline_completion.get()")
    wait_for(lambda: neovim.lines()[6] == "    result = compute(value)", "the text")
