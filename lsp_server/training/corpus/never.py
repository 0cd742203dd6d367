"""What no corpus may hold, whatever the recipe says: the projects that completions are measured in.

A model that has seen them would look better there than it is for anybody's own work.
"""

import re

#: Projects, small letters and hyphens.
_PROJECTS = """
    trio werkzeug cfn-lint cfnlint graphql-core locust thefuck httpx httpie datasette sqlite-utils mitmproxy beets
    pelican nikola buildbot poetry ky zod got execa bubbletea lipgloss fzf lazygit hyperfine bat fd ripgrep jq gson
    lazy-nvim telescope-nvim
"""
NAMES = frozenset(_PROJECTS.split())

#: The same under other names: forks, parts that are packages of their own, packages for other registries.
_OTHER_NAMES = """
    httpx2 httpcore2 locustio cfn-python-lint graphql-core-next graphql-core-legacy beetsplug poetry-core
    poetry-plugin-export ky-universal zod-mini got-scraping fd-find grep grep-cli grep-matcher grep-pcre2 grep-printer
    grep-regex grep-searcher globset ignore bat-cli jq-web telescope google-gson com-google-gson
"""
_OTHERS = frozenset(_OTHER_NAMES.split())

#: These have families of packages that begin with the name.
_FAMILIES = ("buildbot-", "locust-", "datasette-", "httpie-", "pelican-", "mitmproxy-", "nikola-", "execa-")

#: Benchmarks of completion, as folders and files of evaluation programs are called.
_BENCHMARKS = re.compile(r"human_?-?eval|cross_?-?code_?-?eval", re.IGNORECASE)

#: What registries write around a project's own name.
_AROUND = (
    re.compile(
        r"^(golang-(github|gopkg|gitlab|sr)-[^-]+-|golang-|librust-|lua-|node-|python3-|ruby-|vim-|lib)"
    ),
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
    """Whether a file belongs to a copy of one of them, by its folders, or to a benchmark that is used, by its path."""
    if _BENCHMARKS.search(path):
        return True
    folders = [re.sub(r"[-_.]+", "-", folder).lower() for folder in path.split("/")[:-1]]
    return any(re.sub(r"-?v?\d[-\d]*$", "", folder) in NAMES or folder in NAMES for folder in folders)
