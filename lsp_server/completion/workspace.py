"""Keeping the worker's memory and the index in step with the workspace's files.

Knows which there are, never what is in them.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from lsp_server.base.errors import ResourceError
from lsp_server.base.uri import path_of
from lsp_server.completion import indexing
from lsp_server.completion.allowance import Allowance
from lsp_server.completion.session import Session
from lsp_server.workspace.filetypes import FileTypes
from lsp_server.workspace.index.client import IndexClient
from lsp_server.workspace.tree import WorkspaceTree

#: Seconds between two looks whether all files were read.
_LOOK = 0.005


def follow(session: Session, roots: Sequence[str]) -> None:
    """Have the files of some folders learnt, and followed as they change, in the place of those before.

    Args:
        roots: absolute paths; none ends it.
    """
    _unfollow(session)
    folders = [root for root in roots if _is_project(Path(root))] if session.config.workspace else []
    if session.worker is not None:
        parents = tuple(os.path.join(folder, "") for folder in folders)
        session.worker.keep(lambda path: path.startswith(parents))
    if not folders:
        _index(session, [])
        return
    near = next((path_of(document.uri) for document in session.documents), None)
    loop = asyncio.get_running_loop()

    def changed(paths: list[str]) -> None:
        loop.call_soon_threadsafe(_changed, session, paths)

    def all_told() -> None:
        loop.call_soon_threadsafe(_all_told, session)

    try:
        types = FileTypes(session.grammars)
    except ResourceError as error:
        session.warn(str(error))
        _index(session, [])
        return
    session.workspace = WorkspaceTree(folders, types, changed, changed, near, all_told=all_told)
    _index(session, folders)


def _is_project(root: Path) -> bool:
    """Whether a folder may be one: an editor that was started outside of any names the home or the whole disk."""
    return root.is_dir() and root.parent != root and root != Path.home()


def leave(session: Session) -> None:
    """Follow no files any more."""
    _unfollow(session)
    _index(session, [])


async def end(session: Session) -> None:
    """Follow no files any more, and wait until the index is kept."""
    leave(session)
    if session.closing:
        await asyncio.wait(session.closing)


def _index(session: Session, folders: list[str]) -> None:
    """Have an index of some folders, or none, in the place of the one before; one of the same folders stays."""
    if session.index is not None and session.index.roots != tuple(folders):
        closing = asyncio.get_running_loop().create_task(session.index.close())
        session.closing.add(closing)
        closing.add_done_callback(session.closing.discard)
        session.index = None
    if folders and session.index is None:
        session.index = IndexClient(folders)
        for document in session.documents:
            indexing.opened(session, document)


def _unfollow(session: Session) -> None:
    if session.workspace is not None:
        session.workspace.close()
        session.workspace = None
    session.ignored.clear()
    session.allowance = Allowance()


async def settled(session: Session) -> None:
    """Wait until the files that are there now have been read."""
    while session.workspace is not None and session.worker is not None:
        listed = session.workspace.listed
        await asyncio.sleep(0)  # what was listed before is told to the worker before this goes on
        if listed and not session.worker.reading and (session.index is None or session.index.settled):
            return
        await asyncio.sleep(_LOOK)


def _changed(session: Session, paths: list[str]) -> None:
    """Files are there, have changed, or are gone. Who is told looks; an open document counts more than its file."""
    tree = session.workspace
    if tree is None:
        return
    if session.worker is not None:
        session.worker.learn([path for path in paths if session.allowance.admits(path, tree.size(path))])
    if session.index is not None:
        session.index.tell(paths)


def _all_told(session: Session) -> None:
    if session.index is not None and session.workspace is not None:
        session.index.listed()
