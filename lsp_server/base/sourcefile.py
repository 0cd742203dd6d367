"""Which files may be read as source, by their names and their text. Both processes ask here.

Does not know ignore files, languages or workspaces.
"""

import fnmatch
import os
import re
import stat

#: Bytes that a file may have; what is longer is data, generated, or too much for its worth.
MAX_BYTES = 400_000

#: A NUL among this many first bytes makes a file binary, as git has it (``buffer_is_binary``; 8000 there).
_BINARY_HEAD = 8192

#: Files that hold keys, passwords or tokens. Whatever else says otherwise, they are never read.
SECRETS = (
    ".env*",
    "*.env",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.gpg",
    "*.asc",
    "*.ovpn",
    "*.ppk",
    "*.tfvars",
    "*.tfstate*",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "credentials*",
    "client_secret*",
    "secret.*",
    "secrets.*",
    ".secrets*",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc*",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".dockerconfigjson",
    ".vault_pass*",
    "kubeconfig*",
)

#: Files that a program wrote, known by their names: what package managers lock, and minified text.
MACHINE_MADE = (
    "*.lock",
    "*-lock.*",
    "*.lockb",
    "go.sum",
    "npm-shrinkwrap.json",
    "*.min.*",
    "*.bundle.js",
    "*.designer.cs",
)

_SECRET = re.compile("|".join(map(fnmatch.translate, SECRETS)))
_MACHINE_MADE = re.compile("|".join(map(fnmatch.translate, MACHINE_MADE)))

#: Where a generator says so: this many first characters. Hand-written files name these words further down.
_MARKED_HEAD = 1000

#: Go's "Code generated ... DO NOT EDIT.", Meta's and Bazel's "@generated", and the usual prose.
_MARK = re.compile(
    "@generated|DO NOT (EDIT|MODIFY)"
    r"|(?i:do not (edit|modify) (this file|by hand|manually)|this (file|code) (is|was|has been) auto[- ]?\w*generated)"
)

#: A line of more characters was not typed; a file that mostly consists of such lines was not either.
_LONG_LINE = 500


def secret(name: str) -> bool:
    """Whether a file of this name (no folder) is for keys, passwords or tokens."""
    return _SECRET.match(name.lower()) is not None


def machine_made(name: str) -> bool:
    """Whether a file of this name (no folder) was written by a program."""
    return _MACHINE_MADE.match(name.lower()) is not None


def readable_text(path: str, limit: int = MAX_BYTES) -> str | None:
    """The text of a source file; ``None`` when it is no such thing, or cannot be read.

    Refused are: what is no regular file (a pipe is never opened, a link never followed), what has more than
    ``limit`` bytes, binaries, text that is not UTF-8, generated and minified text, and, by their names,
    secrets and what programs write.

    Returns:
        the text with its line ends as they are, without a byte order mark.
    """
    name = os.path.basename(path)
    if secret(name) or machine_made(name):
        return None
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError):  # a NUL in the path is a ValueError
        return None
    if len(data) > limit or b"\0" in data[:_BINARY_HEAD]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _generated(text) else text


def _generated(text: str) -> bool:
    if _MARK.search(text, 0, _MARKED_HEAD):
        return True
    return sum(len(line) for line in text.split("\n") if len(line) > _LONG_LINE) * 2 > len(text)
