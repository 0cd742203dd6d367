"""Brings named packages from the registries that this machine's own clients are set up for: pip, npm, apt.

Each package lies in a folder of its own, as it came; one that is there is not fetched again. Does not look inside.
No address of a registry is known here: the clients' own configuration says where they are. Which wheels there are
depends on the Python that runs; source that is compiled for each is the same in all.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from lsp_server.base.errors import TrainingError

#: Packages asked for with one command; clients that run side by side.
_BATCH, _CLIENTS = 8, 2
#: Seconds that one command may take.
_PATIENCE = 900

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Wanted(msgspec.Struct, frozen=True):
    """A package by its name.

    Attributes:
        registry: ``pypi``, ``npm``, ``debian`` (a binary package), ``debian-source``, or one of ``local``.
        name: as the registry writes it; version: exactly this one.
        suite: of Debian; of a folder of one's own, where it lies; empty elsewhere.
    """

    registry: str
    name: str
    version: str
    suite: str = ""

    @property
    def folder(self) -> str:
        """Where it lies below the downloads, one folder a package."""
        return f"{self.registry}/{self.name.replace('/', '__')}={self.version.replace(':', '%3a')}"


def fetch(wanted: list[Wanted], downloads: Path, say: Callable[[str, float | None], None]) -> None:
    """Fetch what is not there yet. What cannot be fetched is left out; look at the folders.

    Raises:
        TrainingError: a client that is needed is not installed, or Debian's lists cannot be read.
    """
    missing = [each for each in wanted if not (downloads / each.folder).is_dir()]
    batches = []
    for kind in dict.fromkeys((each.registry, each.suite) for each in missing):
        of_it = [each for each in missing if (each.registry, each.suite) == kind]
        batches += [of_it[at : at + _BATCH] for at in range(0, len(of_it), _BATCH)]
    if not batches:
        return
    environments = {suite: _apt(downloads, suite) for suite in {each.suite for each in missing} if suite}
    with ThreadPoolExecutor(_CLIENTS) as pool:
        done = 0
        for count in pool.map(
            lambda batch: _batch(batch, downloads, environments.get(batch[0].suite)), batches
        ):
            done += count
            say(f"corpus: fetched {done} of {len(missing)} packages", done / len(missing))


def _batch(wanted: list[Wanted], downloads: Path, environment: dict[str, str] | None) -> int:
    """Fetch a few packages of one registry with one command, one by one where that fails."""
    arriving = downloads / "arriving" / wanted[0].folder
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir(parents=True)
    here = _ask(wanted, arriving, environment)
    if here is None and len(wanted) > 1:
        shutil.rmtree(arriving)
        for each in wanted:
            _batch([each], downloads, environment)
        return len(wanted)
    for each in wanted:
        files = list((here or {}).get(each.name, ()))
        if files:
            (arriving / "one").mkdir()
            for file in files:
                shutil.move(arriving / file, arriving / "one" / file)
            goal = downloads / each.folder
            goal.parent.mkdir(parents=True, exist_ok=True)
            os.replace(arriving / "one", goal)
    shutil.rmtree(arriving)
    return len(wanted)


def _ask(wanted: list[Wanted], into: Path, environment: dict[str, str] | None) -> dict[str, list[str]] | None:
    """Run the registry's client; the files it left, by package. ``None``: it failed."""
    names = [_CALLED[each.registry](each) for each in wanted]
    if wanted[0].registry == "debian-source":
        return _sources(wanted, names, into, environment)
    answer = _run([*_COMMANDS[wanted[0].registry](into), *names], into, environment)
    if answer is None:
        return None
    if wanted[0].registry == "npm":
        return {str(each["name"]): [_npm_file(str(each["filename"]))] for each in json.loads(answer)}
    here: dict[str, list[str]] = {}
    names_here = {plain(each.name): each.name for each in wanted}
    for file in sorted(os.listdir(into)):
        name = names_here.get(plain(file.split("_" if file.endswith(".deb") else "-")[0]))
        if name is not None:
            here.setdefault(name, []).append(file)
    return here


def _sources(
    wanted: list[Wanted], names: list[str], into: Path, environment: dict[str, str] | None
) -> dict[str, list[str]] | None:
    here = {}
    for each, name in zip(wanted, names, strict=True):
        before = set(os.listdir(into))
        if (
            _run(["apt-get", "source", "-qq", "--download-only", "--only-source", name], into, environment)
            is None
        ):
            return None
        here[each.name] = sorted(set(os.listdir(into)) - before)
    return here


def _npm_file(name: str) -> str:
    """The file that npm wrote; older versions report a scoped package's with its slash."""
    return name.replace("@", "").replace("/", "-")


def plain(name: str) -> str:
    """A package's name as registries compare it: small letters, one hyphen between the words."""
    return re.sub(r"[-_.]+", "-", name).lower()


_CALLED: dict[str, Callable[[Wanted], str]] = {
    "pypi": lambda each: f"{each.name}=={each.version}",
    "npm": lambda each: f"{each.name}@{each.version}",
    "debian": lambda each: f"{each.name}={each.version}",
    "debian-source": lambda each: f"{each.name}={each.version}",
}

_COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "pypi": lambda into: [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"),
        *("--only-binary", ":all:", "--dest", str(into)),
    ],
    "npm": lambda into: ["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", str(into)],
    "debian": lambda into: ["apt-get", "download", "-qq"],
}


def _run(command: Iterable[str], into: Path, environment: dict[str, str] | None) -> str | None:
    """A client's standard output; ``None``: it failed."""
    words = list(command)
    try:
        done = subprocess.run(
            words, cwd=into, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError as error:
        raise TrainingError(
            f"{words[0]} is not installed, but the recipe names packages that it fetches."
        ) from error
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _apt(downloads: Path, suite: str) -> dict[str, str]:
    """An environment in which apt knows the suite's packages and sources, apart from the machine's own lists."""
    state = (downloads / "apt" / suite).resolve()
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    mirror = _mirror()
    (state / "sources.list").write_text(
        "".join(f"{kind} [signed-by={_KEYRING}] {mirror} {suite} main\n" for kind in ("deb", "deb-src"))
    )
    (state / "apt.conf").write_text(
        f'Dir::State "{state}";\nDir::State::lists "{state}/lists";\nDir::State::status "/var/lib/dpkg/status";\n'
        f'Dir::Cache "{state}";\nDir::Etc::sourcelist "{state}/sources.list";\nDir::Etc::sourceparts "-";\n'
        'Acquire::Languages "none";\nAcquire::Retries "2";\nAPT::Update::Error-Mode "any";\n'
        f'APT::Sandbox::User "{os.environ.get("USER", "root")}";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    if _run(["apt-get", "update", "-qq"], state, environment) is None:
        raise TrainingError(
            f"The package lists of Debian {suite} could not be read: offline, or no such suite?"
        )
    return environment


def _mirror() -> str:
    """The first Debian mirror among this machine's apt sources."""
    for file in sorted(Path("/etc/apt").rglob("*.sources")) + sorted(Path("/etc/apt").rglob("*.list")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.match(r"(?:URIs:|deb)\s+(?:\[.*?\]\s+)?(https?://\S+debian/?)(?:\s|$)", line)
            if found:
                return found[1]
    raise TrainingError(
        "This machine's apt sources name no Debian mirror, but the recipe names Debian packages."
    )
