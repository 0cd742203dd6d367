"""Between the core's values and LSP's: positions, text edits, completion items. Pure; decides nothing."""

import re

from lsprotocol import types

from lsp_server.base.text import PositionEncoding, content, to_character
from lsp_server.base.uri import path_of
from lsp_server.completion.types import Snapshot, Suggestion
from lsp_server.workspace.documents import Change

#: Command that clients run after they inserted an item; its argument is the suggestion's number.
ACCEPTED = "offhand.accepted"

_WORD_BEFORE = re.compile(r"\w*$")
_WORD_AFTER = re.compile(r"\w*")


def changes(params: types.DidChangeTextDocumentParams) -> list[Change]:
    """The changes of one notification, in order."""
    result = []
    for change in params.content_changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = change.range.start, change.range.end
            result.append(Change(change.text, (start.line, start.character), (end.line, end.character)))
        else:
            result.append(Change(change.text))
    return result


def inline_item(
    suggestion: Suggestion,
    snapshot: Snapshot,
    encoding: PositionEncoding,
    line_ending: str,
    selected: str,
    start: int,
) -> types.InlineCompletionItem:
    """Ghost text.

    Args:
        snapshot: the editor's state when it asked.
        selected: text of the chosen pop-up item that the suggestion goes on from, or empty.
        start: column where ``selected`` would be inserted; the cursor's without one.
    """
    return types.InlineCompletionItem(
        insert_text=_ends(selected + suggestion.text, line_ending),
        range=_range(snapshot, start, snapshot.column + suggestion.replace, encoding),
        command=_command(suggestion),
    )


def completion_item(
    suggestion: Suggestion,
    snapshot: Snapshot,
    encoding: PositionEncoding,
    line_ending: str,
    insert_replace: bool,
) -> types.CompletionItem:
    """The same suggestion for the completion menu: it begins with the word before the cursor, which clients match
    it against."""
    line = content(snapshot.lines[snapshot.line])
    match = _WORD_BEFORE.search(line[: snapshot.column])
    word = match.group() if match else ""
    start, end = snapshot.column - len(word), snapshot.column + suggestion.replace
    text = word + suggestion.text
    first = text.strip().split("\n")[0]
    tail = _WORD_AFTER.match(line[end:])
    edit: types.TextEdit | types.InsertReplaceEdit
    if insert_replace and tail and tail.group():
        edit = types.InsertReplaceEdit(
            new_text=_ends(text, line_ending),
            insert=_range(snapshot, start, end, encoding),
            replace=_range(snapshot, start, end + len(tail.group()), encoding),
        )
    else:
        edit = types.TextEdit(new_text=_ends(text, line_ending), range=_range(snapshot, start, end, encoding))
    return types.CompletionItem(
        label=first if first == text.strip() else f"{first} …",
        kind=types.CompletionItemKind.Text,
        detail="Offhand",
        documentation=text if "\n" in text else None,
        sort_text="\0",
        filter_text=first or word,
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=edit,
        command=_command(suggestion),
    )


def _command(suggestion: Suggestion) -> types.Command:
    return types.Command(title="Suggestion accepted", command=ACCEPTED, arguments=[suggestion.id])


def _range(snapshot: Snapshot, start: int, end: int, encoding: PositionEncoding) -> types.Range:
    line = snapshot.lines[snapshot.line]
    return types.Range(
        start=types.Position(snapshot.line, to_character(line, start, encoding)),
        end=types.Position(snapshot.line, to_character(line, end, encoding)),
    )


def _ends(text: str, line_ending: str) -> str:
    """``text`` with the document's line ends: a CRLF file stays a CRLF file."""
    return text if line_ending == "\n" else text.replace("\n", line_ending)


def roots(params: types.InitializeParams) -> list[str]:
    """The paths of the folders that are open in the editor; older clients name one only, some none."""
    if params.workspace_folders:
        return [path_of(folder.uri) for folder in params.workspace_folders]
    if params.root_uri:
        return [path_of(params.root_uri)]
    return [params.root_path] if params.root_path else []
