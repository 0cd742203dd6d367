"""What became of a suggestion: accepted by command, or as the editor's changes show. Counts; shows nothing."""

from lsp_server.completion.session import Session, Shown
from lsp_server.workspace.documents import Change


def accepted(session: Session, suggestion_id: object) -> None:
    """The client says that it inserted a suggestion. An unknown number is no matter: it may be long ago."""
    shown = session.shown.get(suggestion_id) if isinstance(suggestion_id, int) else None
    if shown is not None:
        _count(session, shown)


def observe(session: Session, uri: str, changes: list[Change]) -> None:
    """Tell acceptance by what was inserted: LSP has no message for a part of a suggestion, and VS Code runs no
    command for one (microsoft/vscode#172384).

    An insertion of more than one character that begins the newest suggestion of the document is one: a person types
    single characters.
    """
    newest = next((shown for shown in reversed(session.shown.values()) if shown.snapshot.uri == uri), None)
    if newest is None or newest.accepted:
        return
    text = newest.suggestion.text
    for change in changes:
        inserted = change.text.replace("\r\n", "\n")
        if change.start is None or change.start[0] != newest.snapshot.line or len(inserted) < 2:
            continue
        if inserted == text or inserted.endswith(text):
            _count(session, newest)
        elif text.startswith(inserted):
            session.metrics.partly_accepted += 1


def _count(session: Session, shown: Shown) -> None:
    if not shown.accepted:
        shown.accepted = True
        session.metrics.accepted += 1
