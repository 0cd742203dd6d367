"""Takes out of a text what is about persons or opens something: e-mail addresses, keys, passwords. Pure."""

import re

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+@(?=[\w-]+\.)(?!\d+\.\d+(?:\.|\b)(?!\w*[a-z]))[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"
)

#: A quick look: decorators have nothing in front of the sign.
_AT = re.compile(r"\w@\w")

#: Addresses that are nobody's stay: code about mail needs some.
_EXAMPLE = re.compile(r"@([\w-]+\.)*(example|localhost|test|invalid|domain|foo|bar)\b", re.IGNORECASE)

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
_SIGNS = ("-----BEGIN", "AKIA", "AIza", "gh", "xox", "sk-", "sk_live", "eyJ", "npm_", "glpat-")


def scrubbed(text: str) -> str:
    """The text with such things replaced by ones that are nobody's."""
    if _AT.search(text):
        text = _EMAIL.sub(lambda found: found[0] if _EXAMPLE.search(found[0]) else "user@example.com", text)
    if any(sign in text for sign in _SIGNS):
        text = _KEYS.sub("secret", text)
    return _VALUE.sub(_value, text)


def _value(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - _BEFORE) : found.start()]
    return f"{found[1]}secret{found[1]}" if _SECRET.search(before) else found[0]
