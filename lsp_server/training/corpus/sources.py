"""The files of a package as it came from its registry, each with its licence. Judges nothing but licences."""

import io
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path

from lsp_server.training.corpus import licences, local
from lsp_server.training.corpus.copyright import Copyright
from lsp_server.training.corpus.fetch import Wanted
from lsp_server.training.corpus.files import LICENCE_FILE, File, candidate, declared


def files(wanted: Wanted, downloads: Path) -> list[File]:
    """The files that may be source; empty: the package is not there, or damaged."""
    try:
        return list(_READERS[wanted.registry](wanted, downloads / wanted.folder))
    except (OSError, tarfile.TarError, zipfile.BadZipFile, ValueError, EOFError):
        return []


def _wheel(wanted: Wanted, folder: Path) -> Iterator[File]:
    with zipfile.ZipFile(next(folder.iterdir())) as archive:
        names = {each.filename: each.file_size for each in archive.infolist() if not each.is_dir()}
        metadata = next((name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), None)
        if metadata is None:
            return
        said = message_from_bytes(archive.read(metadata))
        texts = [
            archive.read(name).decode("utf-8", "replace")
            for name in names
            if ".dist-info/" in name and LICENCE_FILE.search(name)
        ]
        licence = declared(said, texts)
        for name, size in names.items():
            path = re.sub(r"^[^/]+\.data/(purelib|platlib|scripts|data)/", "", name)
            if candidate(path, size) and ".dist-info/" not in path:
                yield File(path, licence, archive.read(name))


def _npm(wanted: Wanted, folder: Path) -> Iterator[File]:
    own = wanted.name.rpartition("/")[2]
    found = {}
    described: dict[str, object] = {}
    with tarfile.open(next(folder.iterdir())) as archive:
        for path, content in _members(
            archive, lambda path: path.count("/") == 1 and path.endswith("package.json")
        ):
            inside = path.partition("/")[2]
            if inside == "package.json":
                described = json.loads(content)
            else:
                found[inside] = content
    licence = _npm_licence(described)
    written = any(path.startswith("src/") or "/src/" in path for path in found if not path.endswith(".d.ts"))
    for path, content in found.items():
        compiled = written and re.match(r"(lib|es\d*|esm|cjs|dist|module|commonjs)/", path)
        if not compiled:
            yield File(f"{own}/{path}", licence, content)


def _npm_licence(described: dict[str, object]) -> str:
    said = described.get("license") or described.get("licenses") or ""
    if isinstance(said, list):
        return licences.permissive(
            " OR ".join(str(each.get("type", "")) for each in said if isinstance(each, dict))
        )
    return licences.permissive(str(said.get("type", "")) if isinstance(said, dict) else str(said))


def _installed_deb(wanted: Wanted, folder: Path) -> Iterator[File]:
    package = next(folder.iterdir())
    opened = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=False)
    copyright_ = f"usr/share/doc/{wanted.name}/copyright"
    found = {}
    with tarfile.open(fileobj=io.BytesIO(opened.stdout)) as archive:
        for path, content in _members(archive, lambda path: path.removeprefix("./") == copyright_):
            found[path.removeprefix("./")] = content
    said = Copyright(found.pop(copyright_, b"").decode("utf-8", "replace"))
    for path, content in found.items():
        inside = _CRATE.sub(r"\1", _BELOW.sub("", path))
        if inside != path:
            yield File(inside, said.installed(path), content)


#: Where Debian puts what is called otherwise in a project's own folder.
_BELOW = re.compile(
    r"usr/share/gocode/src/([^/]+\.[^/]+/([^/]+/(?=[^/]+/))?)?|usr/share/go-[\d.]+/(?=src/)|"
    r"usr/share/cargo/registry/|usr/src/rustc-[\d.]+/|"
    r"usr/include/([^/]+-linux-gnu/)?|usr/share/lua/5\.\d/|usr/share/nvim/|usr/share/(?=[^/]+/)|usr/lib/(?=[^/]+/)|usr/bin/"
)


#: A crate's folder carries its version.
_CRATE = re.compile(r"^([\w-]+?)-\d+\.\d+[^/]*(?=/)")


def _source(wanted: Wanted, folder: Path) -> Iterator[File]:
    found: dict[str, bytes] = {}
    for tar in sorted(folder.iterdir()):
        if ".tar." not in tar.name or tar.name.endswith(".asc"):
            continue
        part = re.search(r"\.orig-([\w-]+)\.tar", tar.name)
        below = f"{part[1]}/" if part else ""
        packaging = ".debian.tar." in tar.name
        with tarfile.open(tar) as archive:
            for path, content in _members(archive, lambda path: path.endswith("debian/copyright")):
                inside = path.removeprefix("./")
                inside = inside if packaging else below + inside.partition("/")[2]
                if inside == "debian/copyright" or not packaging:
                    found[inside] = content
    said = Copyright(found.pop("debian/copyright", b"").decode("utf-8", "replace"))
    for path, content in found.items():
        yield File(f"{wanted.name}/{path}", said.source(path), content)


def _members(archive: tarfile.TarFile, also: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The regular files that may be source, and those that are asked for."""
    for member in archive:
        if member.isfile() and (also(member.name) or candidate(member.name, member.size)):
            stream = archive.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()


_READERS: dict[str, Callable[[Wanted, Path], Iterator[File]]] = {
    "pypi": _wheel,
    "npm": _npm,
    "debian": _installed_deb,
    "debian-source": _source,
    **local.READERS,
}
