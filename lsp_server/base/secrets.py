"""Keys and passwords in a text, by their looks: what is shown of other files goes without them, and what is trained on.

Knows the forms that well-known services give their keys, and long random values of names that say "secret". Does not
find a password that is a word. Pure.
"""

import re

_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE|PGP [A-Z ]+)-----.*?-----END [A-Z ]+-----|"
    r"\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b|\bgh[pousr]_[0-9A-Za-z]{36,}\b|\bgithub_pat_\w{40,}|"
    r"\bxox[abprs]-[0-9A-Za-z-]{10,}|\bsk-(?:proj-|ant-)?[0-9A-Za-z_-]{20,}|\bsk_live_[0-9A-Za-z]{16,}|"
    r"\beyJ[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{8,}|\bnpm_[0-9A-Za-z]{36}\b|\bglpat-[\w-]{20}\b",
    re.DOTALL,
)

#: A long value of letters and digits without blanks, and what gives it to something called a secret.
_VALUE = re.compile(r"""(["'])(?=[^"'\s]*\d)(?=[^"'\s]*[A-Za-z])[A-Za-z0-9+/=_-]{20,}\1""")
_SECRET = re.compile(
    r"""(secret|passwd|password|api_?key|access_?key|auth_?token|private_?key)\w*["']?\s*[:=]+\s*$""",
    re.IGNORECASE,
)
_BEFORE = 60

#: Beginnings of keys: quicker to look for.
_SIGNS = re.compile(r"-----BEGIN|AKIA|AIza|gh[pousr]_|github_pat|xox[abprs]-|sk-|sk_live|eyJ|npm_|glpat-")


def redacted(text: str) -> str:
    """The text with the word ``secret`` in the place of each."""
    if _SIGNS.search(text):
        text = _KEYS.sub("secret", text)
    return _VALUE.sub(_value, text)


def _value(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - _BEFORE) : found.start()]
    return f"{found[1]}secret{found[1]}" if _SECRET.search(before) else found[0]
