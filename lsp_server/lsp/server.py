"""The language server: what one connection to an editor holds, and how it starts and ends."""

import asyncio
import contextlib
import functools
import itertools
import logging
import os
import time
from typing import Any, BinaryIO

import psutil
from lsprotocol import types
from pygls.lsp.server import LanguageServer

import lsp_server
from lsp_server.base import log, paths
from lsp_server.base.config import Config
from lsp_server.base.text import PositionEncoding
from lsp_server.completion import adaptation, cachefile, history, survival, workspace
from lsp_server.completion.session import WITHOUT, Session, spared
from lsp_server.completion.speculation import working as speculation
from lsp_server.completion.startup import start_engine, stop_engine
from lsp_server.completion.trace import save
from lsp_server.lsp import convert, handlers
from lsp_server.lsp.protocol import Protocol
from lsp_server.lsp.settings import SECTION, Settings
from lsp_server.workspace.watch import FileWatch

logger = logging.getLogger(__name__)

_ENCODINGS: dict[types.PositionEncodingKind, PositionEncoding] = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16",
    types.PositionEncodingKind.Utf32: "utf-32",
}

#: Seconds between looks at whether the editor still lives (it may die without closing our stdin).
_EDITOR_CHECK = 3.0

#: Seconds after a request until its course is written down for ``offhand why``.
_SAVE_DELAY = 3.0


#: Seconds between looks at what became of accepted texts.
_LOOK = 10.0

#: Seconds at least between two times that new completions are written down.
_KEEP = 60.0


class OffhandServer(LanguageServer):
    """One editor's server."""

    def __init__(self) -> None:
        super().__init__("offhand", lsp_server.__version__, protocol_cls=Protocol)
        self.settings = Settings(paths.config_file())
        config, self._early_warnings = self.settings.resolve()
        self.session = Session(config, self.warn, self.more)
        self.session.without = spared(os.environ.get(WITHOUT, ""))
        self._memory_of_use = adaptation.Keeper(paths.state_dir() / adaptation.FILE, self.session.adaptation)
        self._computed_before = cachefile.Keeper(paths.cache_dir() / cachefile.FILE, self.session.cache)
        if "disk" in self.session.without:
            self.session.cache.store = None
        self._history = history.History(paths.state_dir() / history.FOLDER, os.getpid())
        self.asked_inline = False
        self.roots: list[str] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self._last_status = ""
        self._progress = ""  # token of the one that is shown
        self._progress_numbers = itertools.count(1)
        self._saving = False
        self._watch: FileWatch | None = None
        handlers.register(self)

    @property
    def encoding(self) -> PositionEncoding:
        """How this client counts along a line."""
        return _ENCODINGS[types.PositionEncodingKind(self.workspace.position_encoding)]

    def spawn(self, work: Any) -> None:
        """Run a coroutine beside the message loop; a failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("background task failed", exc_info=error)

    # --- life

    async def begin(self, params: types.InitializeParams) -> None:
        """Start what runs beside the messages: engine, editor watch, settings watch."""
        self._apply_settings()
        self.spawn(self._watch_editor(params.process_id))
        self.spawn(self._follow_accepted())
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self._computed_before.load)
        self.session.manners.look()
        self._watch = FileWatch(self.settings.path, lambda: loop.call_soon_threadsafe(self.reconfigure))
        await start_engine(self.session, self.on_state)
        self.roots = convert.roots(params)
        self.follow()

    def follow(self) -> None:
        """Learn from the workspace's folders, as the settings have it."""
        workspace.follow(self.session, self.roots)

    async def end(self) -> None:
        """Stop the worker and the watches."""
        for task in list(self.tasks):
            if task is not asyncio.current_task():
                task.cancel()
        if self._watch is not None:
            self._watch.close()
        if self._saving:
            self._save_traces()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._memory_of_use.save)
        await loop.run_in_executor(None, self._computed_before.save)
        await self._keep_counts(at_once=True)
        await workspace.end(self.session)
        await stop_engine(self.session)

    async def restart_worker(self) -> None:
        """Start the engine anew, also one that was refused or never came up."""
        if self.session.worker is None or self.session.trouble:  # then a worker, if any, has only the memory
            await self._start_again()
        else:
            await self.session.worker.restart(forget_quarantine=True)

    async def _watch_editor(self, process_id: int | None) -> None:
        while process_id is not None:
            await asyncio.sleep(_EDITOR_CHECK)
            if not psutil.pid_exists(process_id):
                logger.warning("the editor is gone")
                await stop_engine(self.session)
                os._exit(0)  # the thread that reads stdin may be blocked for ever

    async def _follow_accepted(self) -> None:
        """Learn from what became of accepted texts; keep what was learnt, and what was computed."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK)
            survival.look(self.session, time.time())
            await loop.run_in_executor(None, self._memory_of_use.save)
            await loop.run_in_executor(None, self._computed_before.save, _KEEP)
            await self._keep_counts()

    async def _keep_counts(self, *, at_once: bool = False) -> None:
        """Keep what was counted for ``offhand stats``."""
        now = time.time()
        self._history.add(self.session.metrics.take(), now)
        save = functools.partial(self._history.save, now, at_once=at_once)
        await asyncio.get_running_loop().run_in_executor(None, save)

    def forget_learnt(self) -> None:
        """Forget what was learnt from accepts, here and on disk."""
        self._memory_of_use.forget()
        self.session.standing.clear()

    # --- settings

    def reconfigure(self) -> None:
        """Put the settings in force; the engine is started anew only if they change it."""
        before = self.session.config
        config = self._apply_settings()
        engine = ("model", "engine", "threads", *(("http",) if config.engine == "http" else ()))
        if any(getattr(config, name) != getattr(before, name) for name in engine):
            self.spawn(self._start_again())
        elif config.workspace != before.workspace:
            self.follow()
        if config.speculation == "off":
            self.session.stop_speculation()
        self.on_state()

    async def _start_again(self) -> None:
        """Another engine begins with an empty memory."""
        await start_engine(self.session, self.on_state)
        self.follow()

    def _apply_settings(self) -> Config:
        before = self.session.config
        config, warnings = self.settings.resolve()
        for warning in self._early_warnings + warnings:
            self.warn(warning)
        self._early_warnings = []
        self.session.config = config
        if config.enabled != before.enabled:
            self.session.enabled = config.enabled
        log.set_level(config.log_level)
        return config

    async def pull_settings(self) -> None:
        """Ask the client for the settings, if it answers that."""
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.configuration:
            params = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
            with contextlib.suppress(Exception):  # a client that declares it and cannot is no reason to stop
                answer = await self.workspace_configuration_async(params)
                self.settings.configure(answer[0] if answer else None)
        self.reconfigure()

    def warn(self, text: str) -> None:
        """Show the user one sentence."""
        logger.warning("%s", text)
        self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"Offhand: {text}"))

    def more(self, uri: str) -> None:
        """Tell the client that the suggestion which it shows has got further lines: asked again, it gets them."""
        self.protocol.notify("offhand/more", {"uri": uri})

    # --- state

    def keep_traces(self) -> None:
        """Write the requests' courses down for ``offhand why``, soon and not for every key."""
        if not self._saving:
            self._saving = True
            asyncio.get_running_loop().call_later(_SAVE_DELAY, self._save_traces)

    def _save_traces(self) -> None:
        self._saving = False
        traces = list(self.session.traces)  # written elsewhere: a home on a network may be slow
        asyncio.get_running_loop().run_in_executor(None, save, traces, paths.state_dir() / "why.json")

    def on_state(self) -> None:
        """Tell the client what the engine is doing, if that changed."""
        status = self.session.status()
        params = {name: status[name] for name in ("state", "message", "model")}
        key = repr(params)
        if key == self._last_status:
            return
        self._last_status = key
        self.protocol.notify("offhand/status", params)
        if status["state"] == "ready":
            speculation.ready(self.session)
        self._show_progress(status["state"])
        if status["state"] == "error" and status["message"]:
            self.warn(status["message"])

    def _show_progress(self, state: str) -> None:
        window = self.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        loading = state in ("starting", "loading")
        if loading and not self._progress:
            self._progress = f"offhand/loading/{next(self._progress_numbers)}"
            self.spawn(self._begin_progress(self._progress))
        elif not loading and self._progress:
            token, self._progress = self._progress, ""
            if token in self.work_done_progress.tokens:
                self.work_done_progress.end(token, types.WorkDoneProgressEnd())
                del self.work_done_progress.tokens[token]

    async def _begin_progress(self, token: str) -> None:
        await self.work_done_progress.create_async(token)
        if self._progress == token:
            begin = types.WorkDoneProgressBegin(title="Offhand: loading the model", cancellable=False)
            self.work_done_progress.begin(token, begin)
        else:  # loaded before the client answered
            self.work_done_progress.tokens.pop(token, None)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log; never a pop-up in the user's editor."""
        logger.error("%s", type(error).__name__)


def serve(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Serve one editor until it says exit, closes stdin, or dies."""
    OffhandServer().start_io(stdin, stdout)
