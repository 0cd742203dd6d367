"""The stage ``corpus``: packages by name in; ``train``, ``validation``, ``test`` as JSON lines and a manifest out."""

import hashlib
import os
import platform
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import msgspec

from lsp_server.base.errors import TrainingError
from lsp_server.training.corpus import filters, local, never
from lsp_server.training.corpus.documents import Harvest, Limits, harvest
from lsp_server.training.corpus.duplicates import Known
from lsp_server.training.corpus.fetch import Wanted, fetch
from lsp_server.training.corpus.manifest import Kept, Manifest, Package, table
from lsp_server.training.corpus.recipe import Corpus
from lsp_server.training.documents import Document
from lsp_server.training.recipe import Recipe
from lsp_server.training.run import Run
from lsp_server.training.stages import Say

_SPLITS = ("test", "validation", "train")
_PROCESSES = 2


def run(recipe: Recipe, run: Run, say: Say) -> None:
    """Fetch the packages that are not there yet, and write the corpus and its manifest.

    Raises:
        TrainingError: a package's name has no version, or nothing was left to learn from.
    """
    corpus = recipe.corpus
    downloads, goal = run.path("downloads"), run.path("corpus")
    goal.mkdir(parents=True, exist_ok=True)
    packages = wanted(corpus)
    fetch(
        [each for each in packages if each.registry not in local.READERS and not _refused(each)],
        downloads,
        say,
    )
    manifest = _build(corpus, packages, downloads, goal, say)
    if not any(package.kept for package in manifest.packages if package.split == "train"):
        raise TrainingError(
            "The corpus is empty: nothing was fetched, or nothing passed. See its manifest.json."
        )
    say(table(manifest), None)


def wanted(corpus: Corpus) -> list[Wanted]:
    """All packages that a recipe names, those that are held out first, the others in the order of their hashes.

    Raises:
        TrainingError: a name has no version.
    """
    found = local.standard() if corpus.installed else []
    found += local.site() if corpus.site_packages else []
    found += map(local.folder, corpus.folders)
    named = [("pypi", "", corpus.pypi, "=="), ("npm", "", corpus.npm, "@")]
    named += [("debian", suite, names, "=") for suite, names in corpus.debian.items()]
    named += [("debian-source", suite, names, "=") for suite, names in corpus.debian_source.items()]
    for registry, suite, names, between in named:
        for each in names:
            name, _, version = each.rpartition(between)
            if not name:
                raise TrainingError(f"{registry} {each}: a version must follow, after {between}")
            found.append(Wanted(registry, name, version, suite))
    return sorted(found, key=lambda each: (_SPLITS.index(_split(corpus, each)), _hash(each.folder)))


def _split(corpus: Corpus, package: Wanted) -> str:
    if package.name in corpus.test:
        return "test"
    return "validation" if package.name in corpus.validation else "train"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _refused(package: Wanted) -> bool:
    return never.refused(package.name)


def _build(corpus: Corpus, packages: list[Wanted], downloads: Path, goal: Path, say: Say) -> Manifest:
    """Read, compare and write one package after the other; other processes read ahead."""
    manifest = Manifest([], {}, platform.python_version())
    known, room = Known(corpus.similar), corpus.whole or 1 << 60
    with ExitStack() as stack:
        parts = {split: stack.enter_context(open(goal / f"{split}.jsonl.part", "wb")) for split in _SPLITS}
        harvests = stack.enter_context(closing(_harvests(corpus, packages, downloads)))
        for at, (wanted, got) in enumerate(harvests):
            split = _split(corpus, wanted)
            entry = Package(wanted.registry, wanted.name, wanted.version, split)
            manifest.packages.append(entry)
            if got is None:
                entry.why = "never"
            elif not (downloads / wanted.folder).is_dir() and wanted.registry not in local.READERS:
                entry.why = "not fetched"
            else:
                room -= _keep(corpus, got, known, entry, manifest.refused, parts[split])
            say(f"corpus: read {at + 1} of {len(packages)} packages", (at + 1) / len(packages))
            if room <= 0:
                break
    for split in _SPLITS:
        os.replace(goal / f"{split}.jsonl.part", goal / f"{split}.jsonl")
    manifest.packages.sort(key=lambda each: (each.registry, each.name))
    written = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (goal / "manifest.json").write_bytes(written + b"\n")
    return manifest


def _harvests(
    corpus: Corpus, packages: list[Wanted], downloads: Path
) -> Generator[tuple[Wanted, Harvest | None], None, None]:
    """What the packages give, in their order; ``None`` for those that are never taken."""
    allowed = [each for each in packages if not _refused(each)]
    read = partial(_read, corpus, downloads)
    with ProcessPoolExecutor(_PROCESSES, get_context("spawn")) as pool:
        ahead = [pool.submit(read, each) for each in allowed[:_AHEAD]]
        coming = iter(allowed[_AHEAD:])
        try:
            for each in packages:
                if _refused(each):
                    yield each, None
                    continue
                got = ahead.pop(0).result()
                after = next(coming, None)
                if after is not None:
                    ahead.append(pool.submit(read, after))
                yield each, got
        finally:
            pool.shutdown(cancel_futures=True)


#: Packages that are read before they are needed.
_AHEAD = 8


def _read(corpus: Corpus, downloads: Path, package: Wanted) -> Harvest:
    held_out = _split(corpus, package) != "train"
    most = corpus.limit(package.name, package.registry)
    shorten = 0.0 if held_out else corpus.shorten
    return harvest(package, downloads, Limits(most, corpus.tests, shorten, corpus.languages))


def _keep(
    corpus: Corpus, got: Harvest, known: Known, entry: Package, refused: dict[str, Kept], into: BinaryIO
) -> int:
    """Write what is new of a package, within its limits; the bytes written."""
    most = corpus.limit(entry.name, entry.registry)
    written = tests = 0
    reasons = dict(got.refused)
    kept: list[Document] = []
    for reason, count in got.refused.items():
        total = refused.setdefault(reason, Kept())
        total.documents += count
        total.bytes += got.bytes_refused[reason]
    for document, sketched in got.documents:
        size = len(document.text.encode())
        test = filters.test(document.path)
        full = written + size > most or (test and tests + size > corpus.tests * (written + size))
        why = "limit" if full else known.add(document.text, sketched)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
            refused.setdefault(why, Kept()).add(size)
            continue
        written += size
        tests += size if test else 0
        kept.append(document)
    for document in sorted(kept, key=lambda each: each.path):
        into.write(msgspec.json.encode(document) + b"\n")
        by_language = entry.kept.setdefault(document.licence, {})
        by_language.setdefault(document.language, Kept()).add(len(document.text.encode()))
    entry.refused = reasons
    if not kept:
        entry.why = max(reasons, key=lambda each: reasons[each]) if reasons else "no source"
    return written
