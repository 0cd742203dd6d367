"""Takes out of a text what is about persons or opens something: e-mail addresses, keys, passwords. Pure."""

import re

from lsp_server.base.secrets import redacted

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")

#: A quick look: decorators have nothing in front of the sign.
_AT = re.compile(r"\w@\w")

#: Addresses that are nobody's stay: code about mail needs some.
_EXAMPLE = re.compile(r"@([\w-]+\.)*(example|localhost|test|invalid|domain|foo|bar)\b", re.IGNORECASE)


def scrubbed(text: str) -> str:
    """The text with such things replaced by ones that are nobody's."""
    if _AT.search(text):
        text = _EMAIL.sub(lambda found: found[0] if _EXAMPLE.search(found[0]) else "user@example.com", text)
    return redacted(text)
