"""Keeping the worker's memory in step with the workspace's files. Knows which there are, never what is in them."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from lsp_server.base.errors import ResourceError
from lsp_server.base.uri import path_of
from lsp_server.completion.session import Session
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.tree import WorkspaceTree

#: Seconds between two looks whether all files were read.
_LOOK = 0.005


def follow(session: Session, roots: Sequence[str]) -> None:
    """Have the files of some folders learnt, and followed as they change, in the place of those before.

    Args:
        roots: absolute paths; none ends it.
    """
    leave(session)
    folders = [root for root in roots if _is_project(Path(root))] if session.config.workspace else []
    if session.worker is not None:
        parents = tuple(os.path.join(folder, "") for folder in folders)
        session.worker.keep(lambda path: path.startswith(parents))
    if not folders:
        return
    near = next((path_of(document.uri) for document in session.documents), None)
    loop = asyncio.get_running_loop()

    def changed(paths: list[str]) -> None:
        loop.call_soon_threadsafe(_changed, session, paths)

    try:
        types = FileTypes(session.grammars)
    except ResourceError as error:
        session.warn(str(error))
        return
    session.workspace = WorkspaceTree(folders, types, changed, changed, near)


def _is_project(root: Path) -> bool:
    """Whether a folder may be one: an editor that was started outside of any names the home or the whole disk."""
    return root.is_dir() and root.parent != root and root != Path.home()


def leave(session: Session) -> None:
    """Follow no files any more."""
    if session.workspace is not None:
        session.workspace.close()
        session.workspace = None
    session.ignored.clear()


async def settled(session: Session) -> None:
    """Wait until the files that are there now have been read."""
    while session.workspace is not None and session.worker is not None:
        listed = session.workspace.listed
        await asyncio.sleep(0)  # what was listed before is told to the worker before this goes on
        if listed and not session.worker.reading:
            return
        await asyncio.sleep(_LOOK)


def _changed(session: Session, paths: list[str]) -> None:
    """Files are there, have changed, or are gone. The worker looks; an open document counts more than its file."""
    if session.worker is not None:
        session.worker.learn(paths)
