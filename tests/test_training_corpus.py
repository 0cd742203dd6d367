"""The corpus: which licences, files and texts get in, what becomes of them, and that it can be made again."""

import ast
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cases import Case, parametrize
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rensa", reason="no rensa: pip install -c constraints.txt -e '.[train]'")

from lsp_server.base.errors import TrainingError
from lsp_server.training.corpus import build, filters, licences, local, never, scrub, trim
from lsp_server.training.corpus.copyright import Copyright
from lsp_server.training.corpus.documents import Limits, harvest
from lsp_server.training.corpus.duplicates import Known, sketch
from lsp_server.training.corpus.fetch import Wanted, fetch
from lsp_server.training.corpus.manifest import Kept, Manifest, Package, notice, table
from lsp_server.training.corpus.recipe import Corpus
from lsp_server.training.corpus.sources import files
from lsp_server.training.recipe import PackRecipe, Recipe
from lsp_server.training.run import Run

ROOT = Path(__file__).resolve().parent.parent
LONG = "x" * 300
CODE = "".join(
    f"def step_{name}(state):\n    return state.{name}.apply(state)\n\n\n" for name in "abcdefghij"
)


@parametrize("corpus/licence")
def test_licence_expressions(case: Case) -> None:
    """What is left of an expression."""
    text = case.values("text")
    assert licences.permissive(text["said"]) == text["is"]


@settings(deadline=None)
@given(st.text(alphabet="MIT()/,orandwithGPL-23. ", max_size=40))
def test_any_expression_is_read(text: str) -> None:
    """Nothing that people write breaks the reader, and what it says reads as the same again."""
    found = licences.permissive(text)
    assert licences.permissive(found) == found


ONE = st.sampled_from(("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0-only", "MPL-2.0", "Proprietary"))
EXPRESSIONS = st.recursive(
    ONE,
    lambda inner: st.tuples(st.sampled_from((" AND ", " OR ")), inner, inner).map(
        lambda e: f"({e[1]}{e[0]}{e[2]})"
    ),
)


@settings(deadline=None)
@given(EXPRESSIONS)
def test_permissive_is_what_logic_says(expression: str) -> None:
    """An expression is taken exactly when it holds with all other licences forbidden."""
    words = expression.replace("(", " ( ").replace(")", " ) ").split()
    allowed = {
        "AND": "and",
        "OR": "or",
        "(": "(",
        ")": ")",
        "MIT": "True",
        "Apache-2.0": "True",
        "BSD-3-Clause": "True",
    }
    truth = eval(" ".join(allowed.get(word, "False") for word in words))
    assert bool(licences.permissive(expression)) == truth


@parametrize("corpus/copyright")
def test_copyright_files(case: Case) -> None:
    """The licence of a path."""
    read = Copyright(case.sections["input"])
    for path, licence in case.values("source").items():
        assert read.source(path) == licence, path
    for path, licence in case.values("installed").items():
        assert read.installed(path) == licence, path


@pytest.mark.parametrize(
    ("said", "licence"),
    [
        (("MIT AND Zlib", ["OSI Approved :: GNU General Public License v3 (GPLv3)"], "", []), "MIT AND Zlib"),
        (("", ["OSI Approved :: MIT License"], "whatever", []), "MIT"),
        (
            (
                "",
                ["OSI Approved :: MIT License", "OSI Approved :: GNU General Public License v2 (GPLv2)"],
                "",
                [],
            ),
            "",
        ),
        (("", ["OSI Approved"], "Apache 2", []), "Apache-2.0"),
        (("", [], "", []), ""),
        (
            ("", [], "", ["Permission is hereby granted, free of charge, to any\n person obtaining a copy"]),
            "MIT",
        ),
        (
            ("", [], "", ["Permission is hereby granted, free of charge, to any person obtaining", "Mine."]),
            "",
        ),
        (
            ("", ["OSI Approved :: BSD License"], "", ["Redistribution and use in source and binary"]),
            "BSD-2-Clause",
        ),
    ],
)
def test_metadata_of_wheels(said: tuple[str, list[str], str, list[str]], licence: str) -> None:
    """The expression counts before the classifiers, these before the field, this before the texts."""
    assert licences.of_metadata(*said) == licence


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        ("# SPDX-License-Identifier: MIT\n", False),
        ("// SPDX-License-Identifier: MPL-2.0\n", True),
        ("/* under the terms of the GNU Lesser General Public License */", True),
        ("# Licensed under the Apache License, Version 2.0", False),
        ("# This Source Code Form is subject to the Mozilla Public License", True),
    ],
)
def test_heads_of_files(head: str, refused: bool) -> None:
    """A file's own header can only take it out."""
    assert licences.copyleft(head) is refused


@parametrize("corpus/never")
def test_never(case: Case) -> None:
    """What no recipe can bring in."""
    for package, said in case.values("package").items():
        assert never.refused(package) == (said == "yes"), package
    for path, said in case.values("path").items():
        assert never.inside(path) == (said == "yes"), path


@parametrize("corpus/filter")
def test_filters(case: Case) -> None:
    """Why a file is not taken."""
    for place, why in case.values("path").items():
        language, path = place.split(" ")
        assert (filters.place(path, language) or "") == why, path
    if "input" in case.sections:
        options = case.values("options")
        text = (case.sections["input"] + "\n") * int(options["repeat"])
        assert (filters.text(text, options["language"]) or "") == case.sections["expect"].strip()


@parametrize("corpus/scrub")
def test_scrubbing(case: Case) -> None:
    """What is replaced."""
    assert scrub.scrubbed(case.sections["input"]).rstrip() == case.sections["expect"].rstrip()


@settings(deadline=None)
@given(st.text(max_size=200))
def test_scrubbed_text_is_clean(text: str) -> None:
    """Scrubbing again finds nothing more."""
    once = scrub.scrubbed(text)
    assert scrub.scrubbed(once) == once


@parametrize("corpus/trim")
def test_trimming(case: Case) -> None:
    """What comes off."""
    text = case.sections["input"].replace("LONG", LONG)
    language = case.values("options")["language"]
    got = trim.shortened(text, 1.0) if language == "docstring" else trim.headless(text, language)
    assert got is not None
    assert got.rstrip() == case.sections["expect"].replace("LONG", LONG).rstrip()


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="ab\"' \\.", max_size=12), min_size=1, max_size=6),
    st.sampled_from(('"""', "'''")),
    st.sampled_from(("", "r", "u")),
    st.booleans(),
)
def test_shortened_source_is_source(lines: list[str], quotes: str, prefix: str, nested: bool) -> None:
    """Whatever stands in a docstring, what is left of the module still is Python, with the same code."""
    body = "\n".join(["First.", *lines, LONG])
    text = f"{prefix}{quotes}{body}\n{quotes}\nx = 1\n"
    if nested:
        text = "class A:\n" + "".join(f"    {line}\n" for line in text.splitlines())
    shorter = trim.shortened(text, 1.0)
    if filters.parsed(text) is None:
        assert shorter is None
    else:
        tree = filters.parsed(shorter or "")
        assert tree is not None
        assert "x = 1" in ast.unparse(tree)


def test_which_docstrings_are_cut_is_their_own_affair() -> None:
    """About the share that is asked for, and the same ones every time."""
    texts = [f'"""Number {number}.\n\n{LONG}\n"""\n' for number in range(400)]
    cut = [text for text in texts if trim.shortened(text, 0.75) != text]
    assert 260 < len(cut) < 340
    assert [trim.shortened(text, 0.75) for text in cut] == [trim.shortened(text, 0.75) for text in cut]


def test_near_copies_are_found() -> None:
    """One changed line of forty is a near copy; other layout is the same text; other code is new."""
    known = Known(0.7)
    assert known.add(CODE, sketch(CODE)) is None
    reindented = CODE.replace("    ", "\t")
    assert known.add(reindented, sketch(reindented)) == "copy"
    changed = CODE.replace("def step_e(state):", "def other(state):")
    assert known.add(changed, sketch(changed)) == "near copy"
    other = "".join(f"class {name}Error(Exception):\n    code = {ord(name)}\n\n\n" for name in "ABCDEFGHIJ")
    assert known.add(other, sketch(other)) is None


def wheel(downloads: Path, wanted: Wanted, contents: dict[str, str], licence: str = "MIT") -> None:
    """A wheel where ``fetch`` would have put it."""
    folder = downloads / wanted.folder
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "x.whl", "w") as archive:
        archive.writestr(
            "x-1.dist-info/METADATA", f"Metadata-Version: 2.4\nName: x\nLicense-Expression: {licence}\n"
        )
        for name, text in contents.items():
            archive.writestr(name, text)


def tar(path: Path, contents: dict[str, str]) -> None:
    """A compressed archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


LIMITS = Limits(1_000_000, 0.2, 0.75, ())


def test_wheel_to_documents(tmp_path: Path) -> None:
    """Licence, vendored copies, headers and syntax are all looked at; what is refused is counted by reason."""
    wanted = Wanted("pypi", "shop", "1.0")
    wheel(
        tmp_path,
        wanted,
        {
            "shop/steps.py": CODE,
            "shop/_vendor/six.py": CODE,
            "shop/httpx/client.py": CODE,
            "shop/gpl.py": "# GNU General Public License\n" + CODE,
            "shop/broken.py": CODE + "def (:\n",
            "shop/tests/test_steps.py": CODE,
            "shop-1.0.data/scripts/shop": "#!/bin/sh\n" + "echo one two three\n" * 20,
            "shop/data.json": "{}",
        },
    )
    got = harvest(wanted, tmp_path, LIMITS)
    assert {document.path: document.language for document, _ in got.documents} == {
        "shop/steps.py": "python",
        "shop": "shell",
        "shop/tests/test_steps.py": "python",
    }
    assert got.documents[-1][0].path == "shop/tests/test_steps.py", "tests come last"
    assert got.refused == {"folder": 1, "never": 1, "licence of the file": 1, "syntax": 1}


def test_package_without_permissive_licence(tmp_path: Path) -> None:
    """Nothing of it is taken."""
    wanted = Wanted("pypi", "shop", "1.0")
    wheel(tmp_path, wanted, {"shop/steps.py": CODE}, licence="GPL-3.0-only")
    got = harvest(wanted, tmp_path, LIMITS)
    assert not got.documents
    assert got.refused == {"licence": 1}


@pytest.mark.parametrize(
    ("described", "licence"),
    [
        ({"license": "MIT"}, "MIT"),
        ({"license": {"type": "ISC"}}, "ISC"),
        ({"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}, "MIT"),
        ({"license": "SEE LICENSE IN x"}, ""),
        ({}, ""),
    ],
)
def test_npm_packages(tmp_path: Path, described: dict[str, object], licence: str) -> None:
    """All ways to write a licence; what was compiled is left where the sources are there too; paths have the name."""
    wanted = Wanted("npm", "@some/shop", "1.0.0")
    source = CODE.replace("def ", "function ")
    contents = {
        "package/package.json": json.dumps(described),
        "package/src/a.ts": source,
        "package/lib/a.js": source,
    }
    tar(tmp_path / wanted.folder / "some-shop-1.0.0.tgz", contents)
    assert [(file.path, file.licence) for file in files(wanted, tmp_path)] == [("shop/src/a.ts", licence)]


def test_source_packages(tmp_path: Path) -> None:
    """The copyright file lies in another archive than the source; each file has its own licence."""
    wanted = Wanted("debian-source", "shop", "1.0-1", "trixie")
    said = (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Expat\n\n"
        "Files: gpl/*\nLicense: GPL-2\n"
    )
    folder = tmp_path / wanted.folder
    tar(folder / "shop_1.0.orig.tar.gz", {"shop-1.0/main.c": "int x;", "shop-1.0/gpl/a.c": "int y;"})
    tar(folder / "shop_1.0-1.debian.tar.gz", {"debian/copyright": said, "debian/rules.c": "int z;"})
    found = {file.path: file.licence for file in files(wanted, tmp_path)}
    assert found == {"shop/main.c": "MIT", "shop/gpl/a.c": ""}


def test_damaged_package(tmp_path: Path) -> None:
    """Gives nothing, and stops nothing."""
    wanted = Wanted("npm", "shop", "1.0")
    (tmp_path / wanted.folder).mkdir(parents=True)
    (tmp_path / wanted.folder / "shop.tgz").write_bytes(b"not an archive")
    assert files(wanted, tmp_path) == []


def test_what_is_there_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no client on the path, a recipe whose packages are there needs none; one that is not there does."""
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    there, missing = Wanted("npm", "shop", "1.0"), Wanted("npm", "other", "1.0")
    (tmp_path / there.folder).mkdir(parents=True)
    fetch([there], tmp_path, lambda said, done: None)
    with pytest.raises(TrainingError, match="npm"):
        fetch([there, missing], tmp_path, lambda said, done: None)


def make(
    root: Path, corpus: Corpus, say: Callable[[str, float | None], None] = lambda said, done: None
) -> Manifest:
    """Run the stage; the manifest that it wrote."""
    (root / "given.toml").parent.mkdir(exist_ok=True)
    (root / "given.toml").touch()
    recipe = Recipe(name="shop", summary="", corpus=corpus, pack=PackRecipe(tokens=1))
    build.run(recipe, Run(root, root / "given.toml"), say)
    return msgspec.json.decode((root / "corpus" / "manifest.json").read_bytes(), type=Manifest)


def lines(root: Path, split: str) -> list[dict[str, str]]:
    """The documents of a split."""
    return [json.loads(line) for line in (root / "corpus" / f"{split}.jsonl").read_text().splitlines()]


def test_held_out_packages_come_first(tmp_path: Path) -> None:
    """A near copy of what is held out is not trained on; what is never taken is named; the table has the totals."""
    near = CODE.replace("def step_e(state):", "def other(state):")
    new = CODE.replace("state", "order").replace("step", "total").replace("apply", "price")
    for name, text in (("shop", near), ("kept", CODE)):
        wheel(tmp_path / "downloads", Wanted("pypi", name, "1"), {f"{name}/a.py": text})
    wheel(tmp_path / "downloads", Wanted("pypi", "other", "1"), {"other/a.py": new})
    said: list[str] = []
    corpus = Corpus(pypi=("shop==1", "kept==1", "other==1", "httpx==1"), test=("kept",), installed=False)
    manifest = make(tmp_path, corpus, lambda text, done: said.append(text))
    assert [document["path"] for document in lines(tmp_path, "test")] == ["kept/a.py"]
    assert [document["path"] for document in lines(tmp_path, "train")] == ["other/a.py"]
    packages = {package.name: package for package in manifest.packages}
    assert packages["httpx"].why == "never"
    assert packages["shop"].why == "near copy"
    assert packages["kept"].kept["MIT"]["python"].documents == 1
    assert manifest.refused["near copy"].documents == 1
    assert said[-1] == table(manifest)


def test_limits(tmp_path: Path) -> None:
    """A package gives no more than its limit, and tests no more than their share of it."""
    contents = {
        f"shop/a{number}.py": CODE.replace("step", f"step{number}_{'x' * number}") for number in range(40)
    }
    contents |= {
        f"shop/tests/test_{name.rpartition('/')[2]}": text.replace("state", "it")
        for name, text in contents.items()
    }
    wheel(tmp_path / "downloads", Wanted("pypi", "shop", "1"), contents)
    make(tmp_path, Corpus(pypi=("shop==1",), installed=False, most=10_000, tests=0.3, similar=1.0))
    got = lines(tmp_path, "train")
    size = sum(len(document["text"]) for document in got)
    tests = sum(len(document["text"]) for document in got if filters.test(document["path"]))
    assert 8_000 < size <= 10_000
    assert 0 < tests <= 0.3 * size


def test_which_limit_counts() -> None:
    """The package's own, then its registry's, then the general one."""
    corpus = Corpus(most=3, caps={"shop": 1, "npm": 2})
    assert [corpus.limit(*each) for each in (("shop", "npm"), ("other", "npm"), ("other", "pypi"))] == [
        1,
        2,
        3,
    ]


def test_a_name_needs_a_version(tmp_path: Path) -> None:
    """Without one the corpus could not be made again."""
    with pytest.raises(TrainingError, match="version"):
        make(tmp_path, Corpus(pypi=("shop",)))


def test_an_empty_corpus_is_an_error(tmp_path: Path) -> None:
    """Rather than the next stage's."""
    with pytest.raises(TrainingError, match="empty"):
        make(tmp_path, Corpus(installed=False))


def test_toy_corpus_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library alone, with no client to fetch anything: all splits have documents; twice the same."""
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    corpus = Corpus(validation=("stdlib.json",), test=("stdlib.logging",), most=60_000, whole=200_000)
    first = make(tmp_path / "a", corpus)
    make(tmp_path / "b", corpus)
    for split in ("train", "validation", "test"):
        got = (tmp_path / "a" / "corpus" / f"{split}.jsonl").read_bytes()
        assert got
        assert got == (tmp_path / "b" / "corpus" / f"{split}.jsonl").read_bytes()
    assert {document["package"] for document in lines(tmp_path / "a", "test")} == {"stdlib.logging"}
    assert "PSF-2.0" in notice(first)


def test_folders_of_ones_own(tmp_path: Path) -> None:
    """Whatever their licence, hidden folders left out; where they lie is in no file of the corpus."""
    source = "# GNU General Public License, version 3\n\n" + "\n".join(
        f"def price_{number}(basket):\n    return basket.total() + {number}\n" for number in range(20)
    )
    for name in ("mine/shop/till.py", "mine/.venv/other.py", "held/till.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source + f"\n\nNAME = '{name}'\n" + "x = value(1)\n" * len(name), encoding="utf-8")
    folders = (str(tmp_path / "mine"), str(tmp_path / "held"))
    corpus = Corpus(installed=False, folders=folders, validation=("held",), similar=0.99)
    manifest = make(tmp_path / "run", corpus)
    assert [line["path"] for line in lines(tmp_path / "run", "train")] == ["mine/shop/till.py"]
    assert [line["licence"] for line in lines(tmp_path / "run", "validation")] == ["own"]
    assert str(tmp_path) not in str(manifest)


def test_packages_beside_the_running_python() -> None:
    """Each with the licence that it declares; compiled and foreign files are no source."""
    pytest_ = next(each for each in local.site() if each.name == "pytest")
    found = {file.path: file.licence for file in files(pytest_, Path())}
    assert found["_pytest/config/__init__.py"] == "MIT"
    assert not [path for path in found if path.endswith(".pyc") or path.startswith("..")]


def test_notice_names_what_was_trained_on() -> None:
    """Licences with their packages and versions; nothing that was held out or refused."""
    kept = {"MIT": {"python": Kept(1, 2)}}
    packages = [
        Package("pypi", "b", "2", "train", kept),
        Package("pypi", "A", "1", "train", kept),
        Package("npm", "held", "1", "test", kept),
        Package("npm", "gone", "1", "train", why="licence"),
    ]
    assert notice(Manifest(packages, {}, "3.11")).splitlines()[2:] == ["| MIT | A 1 (pypi), b 2 (pypi) |"]


@pytest.mark.parametrize(
    "recipe",
    sorted((ROOT / "lsp_server" / "training" / "recipes").glob("*.toml")),
    ids=lambda path: path.stem,
)
def test_recipes_name_nothing_that_is_refused(recipe: Path) -> None:
    """Every package of the recipes has a version and may be taken; what is held out is among them."""
    said = msgspec.toml.decode(recipe.read_bytes())["corpus"]
    corpus = msgspec.convert(said, Corpus)
    names = {each.name for each in build.wanted(corpus)}
    assert not [name for name in names if never.refused(name)]
    assert set(corpus.validation) | set(corpus.test) <= names
    assert not set(corpus.validation) & set(corpus.test)
