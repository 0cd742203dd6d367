"""The filters, one by one and as a chain: cases as data, and the properties that hold for any text.

A case has ``input`` (a document with ``<CURSOR>``), ``text`` (what the model wrote) and ``expect``: the document after
accepting, with what was inserted between ``├`` and ``┤``, or ``(nothing: the reason)``. ``with`` may give
``block_indent``, ``language``, ``special_tokens`` and ``line_comments``; what is not given is read off the document.
A filter's folder tests it alone; ``chain`` runs all of them in order.
"""

import argparse
import asyncio
import configparser
import dataclasses
import importlib
import inspect
import random
import textwrap
from pathlib import Path

import msgspec
import pytest
from cases import Case, load, parametrize
from hypothesis import given, settings
from hypothesis import strategies as st
from parsers import grammars

from lsp_server.base.text import split_lines
from lsp_server.completion import filters
from lsp_server.completion.filters.lexical import fits, scan
from lsp_server.completion.look import look
from lsp_server.completion.types import Candidate, Snapshot, Surroundings
from lsp_server.context.excerpt import excerpt
from lsp_server.context.syntax import Unparsed, count_errors, new_errors, parse

ALL = (*filters.BEFORE_CACHE, *filters.AFTER_CACHE)
GRAMMARS = grammars()
PYTHON = GRAMMARS.load("python")
assert PYTHON is not None
COMMENTS = ("#",)


def name_of(filter_: filters.Filter) -> str:
    return filter_.__module__.rpartition(".")[2]


def errors(source: str) -> int:
    """ERROR and MISSING nodes of a Python source."""
    tree = parse(PYTHON, Unparsed(tuple(split_lines(source)), 0))
    return count_errors(tree.root) if tree else 0


def seen(document: str, offset: int, language: str = "python") -> Surroundings:
    """What filters are told of a place in a document."""
    lines, column = tuple(split_lines(document)), len(document[:offset].rpartition("\n")[2])
    grammar = GRAMMARS.load(language)
    snapshot = Snapshot(
        uri="",
        path="",
        language=language,
        version=0,
        lines=lines,
        line=document.count("\n", 0, offset),
        column=column,
        syntax=Unparsed(lines, 0) if grammar else None,
    )
    return asyncio.run(look(snapshot, grammar, ())).surroundings


def surroundings(case: Case) -> Surroundings:
    given_ = case.values("with")
    language = given_.get("language", "python")
    around = seen(*case.cursor(), language)
    comments = given_.get("line_comments")
    return msgspec.structs.replace(
        around,
        language=language,
        line_comments=around.line_comments if comments is None else tuple(comments.split()),
        block_indent=int(given_.get("block_indent", around.block_indent)),
        special_tokens=tuple(given_.get("special_tokens", "").split()),
    )


def drawn(case: Case, result: Candidate | None, reason: str) -> str:
    if result is None:
        return f"(nothing: {reason})"
    document, offset = case.cursor()
    return f"{document[:offset]}├{result.text}┤{document[offset + result.replace :]}"


@parametrize("filters")
def test_cases(case: Case) -> None:
    """Each filter alone, and the chain of all, turn the model's text into what the case says."""
    folder = Path(case.file).parts[1]
    if folder == "chain":
        chosen: tuple[filters.Filter, ...] = ALL
    else:
        chosen = (importlib.import_module(f"lsp_server.completion.filters.{folder}").apply,)
    result, verdicts = filters.run(chosen, Candidate(case.sections["text"]), surroundings(case))
    assert drawn(case, result, verdicts[-1].reason) == case.sections["expect"]


def test_the_whole_document_is_asked_before_a_text_is_condemned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quotes that close a long docstring: where they are missing, no part of the document stands by itself."""
    monkeypatch.setattr("lsp_server.completion.judge._CHECK_LIMIT", 60.0)
    source = inspect.getsource(argparse)
    opening = source.index('"""', source.index("class HelpFormatter"))
    closing = source.index('"""', opening + 3)
    count = seen(source[:closing] + source[closing + 3 :], closing).new_errors
    assert count is not None
    errors_more = count(Candidate('"""'))
    assert errors_more is not None
    assert errors_more <= 0


@pytest.mark.parametrize(
    ("language", "head", "member", "tail"),
    [
        ("javascript", "class A {\n", "  f%d(a) {\n    return g(a, 1);\n  }\n\n", "}\n"),
        ("typescript", "class A {\n", "  f%d(a: B): C {\n    return g(a, 1);\n  }\n\n", "}\n"),
        ("go", "package a\n\n", "func (a A) f%d(b int) int {\n\treturn g(b, 1)\n}\n\n", ""),
        ("rust", "impl A {\n", "    fn f%d(&self, a: B) -> C {\n        g(a, 1)\n    }\n\n", "}\n"),
        ("java", "class A {\n", "    B f%d(C a) {\n        return g(a, 1);\n    }\n\n", "}\n"),
        (
            "csharp",
            "namespace N\n{\nclass A\n{\n",
            "    B F%d(C a)\n    {\n        return G(a, 1);\n    }\n\n",
            "}\n}\n",
        ),
        (
            "php",
            "<?php\nclass A\n{\n",
            "    function f%d($a)\n    {\n        return g($a, 1);\n    }\n\n",
            "}\n",
        ),
        ("c", "", "int f%d(int a) {\n    return g(a, 1);\n}\n\n", ""),
        (
            "cpp",
            "namespace n {\nclass A {\n",
            "    B f%d(C a) {\n        return g(a, 1);\n    }\n\n",
            "};\n}\n",
        ),
        ("ruby", "class A\n", "  def f%d(a)\n    return g(a, 1)\n  end\n\n", "end\n"),
    ],
)
def test_a_member_of_a_long_class_is_judged_by_a_part(
    language: str, head: str, member: str, tail: str
) -> None:
    """Only in its class is a method a program; a part that keeps what is around it says what the whole file says."""
    before = head + "".join(member % number for number in range(400))
    document = before + "".join(member % number for number in range(400, 800)) + tail
    grammar = GRAMMARS.load(language)
    assert grammar is not None
    place = before.rindex(", 1)")  # and what follows on its line is still to be written
    rest = document[place : document.index("\n", place)]
    cut = document[:place] + document[place + len(rest) :]
    tree = parse(grammar, Unparsed(tuple(split_lines(cut)), 0))
    assert tree is not None
    part = excerpt(grammar, tree, place)
    assert part.certain
    assert part.tree is not tree
    start = place - part.offset
    by_part, by_whole = (
        [new_errors(grammar, one, at, at, text) for text in (rest, f"{rest} )", f"= = 1{rest}")]
        for one, at in ((part.tree, start), (tree, place))
    )
    assert by_part == by_whole
    good, *bad = filter(lambda count: count is not None, by_part)
    assert len(bad) == 2
    assert good < 0
    assert good < min(bad)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb", "a\nb"),
        ("a\rb\n", "a\nb\n"),
        ("a\x00b", "a"),
        ("a\u202eb", "a"),
        ("a\u2066b", "a"),
        ("a\ufeffb", "a"),
        ("a\ud800b", "a"),
        ("a\x0cb", "a\x0cb"),
    ],
)
def test_characters_that_no_case_can_hold(text: str, expected: str) -> None:
    """Line ends of other systems, control characters, turned writing, half pairs."""
    apply = importlib.import_module("lsp_server.completion.filters.characters").apply
    assert apply(Candidate(text), Surroundings(before="", after="")) == Candidate(expected)


def test_every_filter_has_cases() -> None:
    """A filter without cases is a filter that nobody has thought through."""
    tested = {Path(case.file).parts[1] for case in load("filters")}
    assert tested >= {name_of(filter_) for filter_ in ALL} | {"chain"}


def test_verdicts_tell_what_each_filter_did() -> None:
    """The chain stops at the first drop and keeps its reason for `offhand why`."""
    around = Surroundings(before="print(", after=")")
    result, verdicts = filters.run(ALL, Candidate("x)<|endoftext|>"), around)
    assert result == Candidate("x)", replace=1)
    assert [verdict.filter for verdict in verdicts if verdict.outcome == "changed"] == [
        "special_tokens",
        "closers",
    ]
    result, verdicts = filters.run(ALL, Candidate("<|endoftext|>"), around)
    assert result is None
    assert verdicts[-1] == filters.Verdict(
        "special_tokens", "dropped", "begins with a special token of a model"
    )


def test_what_people_really_wrote_passes() -> None:
    """A model that is always right loses next to nothing: ends of lines cut out of the standard library survive.

    No name of theirs is ever held for unknown."""
    chance, kept, harmed = random.Random(1), 0, []
    for module in (argparse, configparser, dataclasses, textwrap):
        lines = inspect.getsource(module).split("\n")
        for number in chance.sample(range(len(lines)), 60):
            line = lines[number]
            margin = len(line) - len(line.lstrip())
            if not line.strip():
                continue
            column = chance.randrange(margin, len(line))
            before = "\n".join([*lines[:number], line[:column]])
            around = seen("\n".join([before, *lines[number + 1 :]]), len(before))
            result, verdicts = filters.run(ALL, Candidate(line[column:]), around)
            if result is not None and result.text.rstrip() == line[column:].rstrip():
                kept += 1
            else:
                harmed.append((module.__name__, number + 1, line[:column], line[column:], verdicts[-1]))
    assert len(harmed) <= 0.02 * kept, harmed
    assert not [harm for harm in harmed if harm[-1].filter == "names"]


# --- properties

#: Arbitrary text is seldom code; what code is made of, in any order, finds more.
PIECES = st.sampled_from(
    [
        *"()[]{}\"'#:,.\\ \t\n=",
        *(
            "    ",
            "\n    ",
            "\n\t",
            '"""',
            "'''",
            'f"',
            "x",
            "foo",
            "self.",
            "return ",
            "def f",
            "1",
            "bar(",
            "\r",
        ),
        *("<|fim_", "<|endoftext|>", "é", "\U0001f600", "\u2028"),
    ]
)
CODE = st.lists(PIECES, max_size=14).map("".join)
TEXT = st.one_of(CODE, st.text(max_size=40))
LINE = TEXT.map(lambda text: text.replace("\n", " "))
LINES = st.lists(LINE, max_size=4).map(tuple)
AROUND = st.builds(
    Surroundings,
    before=LINE,
    after=LINE,
    lines_above=LINES,
    open_above=st.sampled_from(["", '"""', "f'''", "r'"]),
    lines_below=LINES,
    language=st.sampled_from(["", "python", "rust"]),
    line_comments=st.sampled_from([("#",), ("//", "#"), ()]),
    block_indent=st.integers(-1, 9),
    special_tokens=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    new_errors=st.sampled_from([None, lambda candidate: None, lambda candidate: errors(candidate.text)]),
    unresolved=st.sampled_from(
        [
            None,
            lambda candidate: None,
            lambda candidate: candidate.text.find("foo") if "foo" in candidate.text else None,
        ]
    ),
)


@pytest.mark.parametrize("filter_", ALL, ids=name_of)
@settings(max_examples=100, deadline=None)
@given(text=TEXT, around=AROUND)
def test_filters_are_idempotent_and_never_raise(
    filter_: filters.Filter, text: str, around: Surroundings
) -> None:
    """Whatever the text and whatever surrounds it, a second run of a filter changes nothing."""
    once = filter_(Candidate(text), around)
    if isinstance(once, str):
        assert once
    else:
        assert filter_(once, around) == once


@settings(max_examples=100, deadline=None)
@given(text=TEXT, around=AROUND)
def test_what_is_shown_says_something_and_fits_ghost_text(text: str, around: Surroundings) -> None:
    """The chain never lets white space through, and what it replaces is contained in what it inserts, in order."""
    result, _ = filters.run(ALL, Candidate(text), around)
    if result is not None:
        assert result.text.strip()
        inserted = iter(result.text)
        assert all(character in inserted for character in around.after[: result.replace])


BRACKETS = st.text(alphabet="()[]{}a,", max_size=8)


def unmatched(line: str) -> tuple[int, int]:
    """Closers and openers of a line, without strings, that match nothing on it. Not the scanner under test."""
    stack: list[str] = []
    surplus = 0
    for character in line:
        if character in "([{":
            stack.append({"(": ")", "[": "]", "{": "}"}[character])
        elif character in ")]}":
            if stack and stack[-1] == character:
                stack.pop()
            else:
                surplus += 1
    return surplus, len(stack)


@settings(max_examples=500, deadline=None)
@given(before=BRACKETS, text=BRACKETS, after=BRACKETS)
def test_accepting_never_unbalances_a_line(before: str, text: str, after: str) -> None:
    """Accepting doubles no closer and, in front of others, leaves none out: the line is as balanced as it was."""
    filter_ = importlib.import_module("lsp_server.completion.filters.closers").apply
    result = filter_(Candidate(text), Surroundings(before=before, after=after))
    if isinstance(result, str):
        return
    surplus, missing = unmatched(before + after)
    surplus_then, missing_then = unmatched(before + result.text + after[result.replace :])
    assert surplus_then <= surplus
    if after.strip():
        assert missing_then <= missing


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="()[]{}", max_size=12), st.integers(0, 12))
def test_scan_agrees_with_a_plain_count_of_brackets(source: str, start: int) -> None:
    """Without strings and comments, what is open and what closes nothing is what any bracket counter says."""
    found = scan(source, 0, COMMENTS)
    assert (len(found.closers), len(found.open)) == unmatched(source)
    later = scan(source, min(start, len(source)), COMMENTS)
    assert later.open == found.open
    assert fits(later.before, [closer.text for closer in later.closers if fits(closer.open, [closer.text])])
