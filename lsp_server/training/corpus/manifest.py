"""What a corpus is made of: packages, versions, licences, languages, bytes. The source itself is not in it."""

from collections import Counter

import msgspec

#: Bytes of source in one token of the tokenizers that are trained here; measured on what was held out.
BYTES_PER_TOKEN = 3.6


class Kept(msgspec.Struct):
    """Documents and their bytes."""

    documents: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more document of that many bytes."""
        self.documents += 1
        self.bytes += size


class Package(msgspec.Struct):
    """A package and what was kept of it, by licence and language.

    Attributes:
        split: ``train``, ``validation`` or ``test``.
        why: nothing was kept because of this; empty: something was.
        refused: files that were not taken, by reason.
    """

    registry: str
    name: str
    version: str
    split: str
    kept: dict[str, dict[str, Kept]] = {}
    why: str = ""
    refused: dict[str, int] = {}


class Manifest(msgspec.Struct):
    """A corpus: its packages, and files and bytes refused by reason.

    Attributes:
        python: whose standard library is in it.
    """

    packages: list[Package]
    refused: dict[str, Kept]
    python: str


def table(manifest: Manifest) -> str:
    """The totals as text: by language, by licence, and what was refused."""
    language: dict[str, Kept] = {}
    licence: dict[str, Kept] = {}
    split: dict[str, Kept] = {}
    for package in manifest.packages:
        for name, kept in package.kept.items():
            for spoken, each in kept.items():
                for totals, key in ((language, spoken), (licence, name), (split, package.split)):
                    total = totals.setdefault(key, Kept())
                    total.documents += each.documents
                    total.bytes += each.bytes
    used = sum(1 for package in manifest.packages if package.kept)
    parts = [_rows("language", language), _rows("licence", licence), _rows("split", split)]
    parts.append(_rows("refused files", manifest.refused, tokens=False))
    why = Counter(package.why for package in manifest.packages if package.why)
    parts.append("\n".join(f"{count:6d} packages refused: {reason}" for reason, count in why.most_common()))
    return f"{used} packages\n\n" + "\n\n".join(filter(None, parts))


def _rows(title: str, totals: dict[str, Kept], tokens: bool = True) -> str:
    whole = sum(each.bytes for each in totals.values()) or 1
    width = max(map(len, [title, *totals]))
    lines = [
        f"{title:{width}} {'documents':>9} {'MB':>8} {'share':>6}" + (f" {'M tokens':>8}" if tokens else "")
    ]
    for name, each in sorted(totals.items(), key=lambda item: -item[1].bytes):
        line = f"{name:{width}} {each.documents:9d} {each.bytes / 1e6:8.2f} {each.bytes / whole:6.1%}"
        lines.append(line + (f" {each.bytes / BYTES_PER_TOKEN / 1e6:8.2f}" if tokens else ""))
    if tokens:
        count = sum(each.documents for each in totals.values())
        lines.append(
            f"{'all':{width}} {count:9d} {whole / 1e6:8.2f} {'':6} {whole / BYTES_PER_TOKEN / 1e6:8.2f}"
        )
    return "\n".join(lines)


def notice(manifest: Manifest) -> str:
    """A Markdown table of the licences and, under each, the packages that were trained on."""
    by_licence: dict[str, set[str]] = {}
    for package in manifest.packages:
        if package.split == "train":
            for licence in package.kept:
                by_licence.setdefault(licence, set()).add(
                    f"{package.name} {package.version} ({package.registry})"
                )
    lines = ["| licence | packages |", "| --- | --- |"]
    for licence, names in sorted(by_licence.items(), key=lambda item: (-len(item[1]), item[0])):
        lines.append(f"| {licence} | {', '.join(sorted(names, key=str.lower))} |")
    return "\n".join(lines) + "\n"
