"""``offhand why``: what happened to the last requests of the server, stage by stage."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from lsp_server.base import paths

#: Where an answer came from, in words.
SOURCES = {
    "cache": "computed before",
    "disk": "computed before the server was started",
    "lookahead": "computed before it was asked for: what follows acceptance",
    "branch": "computed before it was asked for: another key than the model would have taken",
    "prefill": "computed before it was asked for: where the cursor rested",
    "joined": "was being written already",
    "memory": "from the memory alone",
    "model": "from the model",
}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("why", help="tell why the last requests were answered as they were")
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many requests (default 10)")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON list with all there is, newest first"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the newest requests that the last server noted down."""
    from lsp_server.completion.trace import load

    rows = load(paths.state_dir() / "why.json")[: max(arguments.n, 0)]
    if arguments.json:
        print(json.dumps(rows))
    elif not rows:
        print("No server has answered a request yet, or its notes cannot be read.")
    else:
        print("\n".join(line for row in rows for line in describe(row)))
    return 0


def describe(row: dict[str, Any]) -> Iterator[str]:
    """One request for people: the answer, then what led to it.

    Args:
        row: as ``completion.trace.Trace.as_json`` makes it.
    """
    where = f"{row['path']}:{row['line']}:{row['column']}"
    place = f" ({row['cursor'].replace('_', ' ')})" if row["cursor"] else ""
    answer = _answer(row) if row["shown"] else f"nothing: {row['reason']}"
    yield f"{where}{place} {row['kind']}: {answer}"
    if row.get("trouble"):
        yield f"    engine   {row['trouble']}"
    for step in row["filters"]:
        yield f"    filter   {step['filter']} {step['outcome']}: {step['reason']}"
    if row["mode"]:
        yield f"    gate     {_gate(row)}"
        yield from _reasons(row["reasons"])
    stages = ", ".join(f"{name} {spent:.1f}" for name, spent in row["stages_ms"].items())
    yield f"    time     {row['total_ms']:.1f} ms: {stages}"
    if row["tokens"]:
        tokens = row["tokens"]
        yield f"    tokens   {tokens['prompt']} of prompt, {tokens['reused']} known; {tokens['generated']} written"


def _answer(row: dict[str, Any]) -> str:
    count = f"{row['shown']} character{'s' * (row['shown'] != 1)}"
    share = row["features"].get("memory", 0.0)
    return f"{count} {SOURCES[row['source']]}" + (
        f", {share:.0%} of it the memory's" if share >= 0.005 else ""
    )


def _gate(row: dict[str, Any]) -> str:
    learnt = f" ({row['shift']:+.2f} learnt from you)" if row["shift"] else ""
    text = (
        f"right with probability {row['confidence']:.2f}{learnt}, "
        f"'{row['mode']}' shows from {row['threshold']:.2f} on"
    )
    return text if row["sure"] or not row["shown"] else f"{text}; shown because it was asked for"


def _reasons(reasons: list[dict[str, Any]]) -> Iterator[str]:
    for head, told in (
        ("for it", [one for one in reasons if one["odds"] > 0]),
        ("against it", [one for one in reasons if one["odds"] < 0]),
    ):
        if told:
            yield f"             {head}: " + ", ".join(f"{one['words']} ({one['odds']:+.1f})" for one in told)
