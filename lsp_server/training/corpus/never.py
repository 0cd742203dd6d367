"""What no corpus may hold, whatever the recipe says: the projects that completions are measured in.

A model that has seen them would look better there than it is for anybody's own work.
"""

import re

#: Projects, small letters and hyphens.
NAMES = frozenset(
    ("trio", "werkzeug", "cfn-lint", "cfnlint", "graphql-core", "locust", "thefuck", "httpx", "httpie")
    + ("datasette", "sqlite-utils", "mitmproxy", "beets", "pelican", "nikola", "buildbot", "poetry", "ky", "zod")
    + ("got", "execa", "bubbletea", "lipgloss", "fzf", "lazygit", "hyperfine", "bat", "fd", "ripgrep", "jq")
    + ("gson", "lazy-nvim", "telescope-nvim")
)

#: The same under other names: forks, parts that are packages of their own, packages for other registries.
_OTHERS = frozenset(
    ("httpx2", "httpcore2", "locustio", "cfn-python-lint", "graphql-core-next", "graphql-core-legacy", "beetsplug")
    + ("poetry-core", "poetry-plugin-export", "ky-universal", "zod-mini", "got-scraping", "fd-find", "libjq")
    + ("grep", "grep-cli", "grep-matcher", "grep-pcre2", "grep-printer", "grep-regex", "grep-searcher", "globset")
    + ("ignore", "bat-cli", "jq-web", "telescope", "google-gson", "com-google-gson", "bubbletea-v2", "lipgloss-v2")
)

#: These have families of packages that begin with the name.
_FAMILIES = ("buildbot-", "locust-", "datasette-", "httpie-", "pelican-", "mitmproxy-", "nikola-", "execa-")

#: What registries write around a project's own name.
_AROUND = (
    re.compile(r"^(golang-(github|gopkg|gitlab|sr)-[^-]+-|golang-|librust-|lua-|node-|python3-|ruby-|vim-|lib)"),
    re.compile(r"(-dev|-java|-src|-go|-js|-rs|-py|-bin)$"),
)


def refused(package: str) -> bool:
    """Whether a package is one of them, by its name in any registry."""
    name = re.sub(r"[-_.]+", "-", package.rpartition("/")[2]).lower()
    shorter = [name]
    for around in _AROUND:
        shorter += [around.sub("", each) for each in shorter]
    names = NAMES | _OTHERS
    return any(each in names or each.startswith(_FAMILIES) for each in shorter)


def inside(path: str) -> bool:
    """Whether one of a path's folders is a copy of one of them."""
    folders = [re.sub(r"[-_.]+", "-", folder).lower() for folder in path.split("/")[:-1]]
    return any(re.sub(r"-?v?\d[-\d]*$", "", folder) in NAMES or folder in NAMES for folder in folders)
