"""``offhand serve``: the language server over stdin and stdout."""

import argparse
import sys

from lsp_server.base.stdio import claim_stdout


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("serve", help="run the language server over stdin and stdout")
    # Clients based on vscode-languageclient add it to say which transport they use.
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Serve until the editor leaves."""
    protocol = claim_stdout()  # before anything that might print is imported
    from lsp_server.base import log

    log.start("warning")
    from lsp_server.lsp.server import serve

    serve(sys.stdin.buffer, protocol)
    return 0
