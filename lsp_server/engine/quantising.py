"""A process that stores weights in fewer bits, for ``offhand models quantize``; llama.cpp's library does the work.

It gets one ``Job`` on stdin, fills a file that is there with its header, and tells how far it is. It may be killed at
any time. Knows nothing of what the tensors mean.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lsp_server.base.errors import EngineError, OffhandError
from lsp_server.base.framing import frame, read
from lsp_server.base.move import Move
from lsp_server.engine.backends import llama_api
from lsp_server.engine.jobs import JOB, Job, Said

#: Weights that are in memory at once, for each thread.
_WEIGHTS = 4 << 20

_F32, _F16, _Q8_0, _BF16 = 0, 1, 8, 30
_Q8_BLOCK = np.dtype([("scale", "<f2"), ("weights", "i1", 32)])


def main(protocol: BinaryIO) -> None:
    """Do the one job."""
    job = read(sys.stdin.buffer, JOB)
    if job is None:
        return

    def say(message: Said) -> None:
        protocol.write(frame(message))
        protocol.flush()

    try:
        done = _work(job, say)
    except OffhandError as error:
        say(Said(0, str(error)))
    except OSError as error:
        say(Said(0, f"{error.filename or job.target}: {error.strerror or error}."))
    else:
        say(Said(done, complete=True))


def _work(job: Job, say: Callable[[Said], None]) -> int:
    quantise, done = _function(), 0
    with (
        Path(job.source).open("rb") as source,
        Path(job.target).open("r+b") as target,
        ThreadPoolExecutor(job.threads) as pool,
    ):
        for move in job.moves:
            pieces = _pieces(move)
            for first in range(0, len(pieces), job.threads):
                some = pieces[first : first + job.threads]
                data = [_read(source, piece) for piece in some]
                for piece, new in zip(
                    some, pool.map(_convert, some, data, [quantise] * len(some)), strict=True
                ):
                    target.seek(piece.target)
                    target.write(new)
                    done += len(new)
                say(Said(done))
        target.flush()
        os.fsync(target.fileno())
    return done


def _pieces(move: Move) -> list[Move]:
    """A tensor in parts of whole rows, none of them large."""
    step = max(1, _WEIGHTS // move.row)
    source, target = move.source_bytes // move.rows, move.target_bytes // move.rows
    return [
        Move(
            move.name,
            rows := min(step, move.rows - first),
            move.row,
            move.source + first * source,
            move.source_type,
            rows * source,
            move.target + first * target,
            move.target_type,
            rows * target,
        )
        for first in range(0, move.rows, step)
    ]


def _read(source: BinaryIO, piece: Move) -> bytes:
    source.seek(piece.source)
    data = source.read(piece.source_bytes)
    if len(data) != piece.source_bytes:
        raise EngineError("The file became shorter while it was read. Copy it again.")
    return data


def _convert(piece: Move, data: bytes, quantise: Any) -> bytes:
    """One piece in its new type."""
    if piece.source_type == piece.target_type:
        return data
    weights = np.ascontiguousarray(_floats(data, piece.source_type))
    if not np.isfinite(weights).all():
        raise EngineError(f"The tensor '{piece.name}' has weights that are no numbers. Fetch the file again.")
    if piece.target_type == _F16:
        return weights.astype("<f2").tobytes()
    new = ctypes.create_string_buffer(piece.target_bytes)
    pointer = weights.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    written = quantise(piece.target_type, pointer, new, 0, piece.rows, piece.row, None)
    if written != piece.target_bytes:
        raise EngineError(
            f"The tensor '{piece.name}' became {written} bytes instead of {piece.target_bytes}."
        )
    return new.raw


def _floats(data: bytes, kind: int) -> npt.NDArray[np.float32]:
    if kind == _F32:
        return np.frombuffer(data, "<f4").astype(np.float32)
    if kind == _F16:
        return np.frombuffer(data, "<f2").astype(np.float32)
    if kind == _BF16:
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == _Q8_0:
        blocks = np.frombuffer(data, _Q8_BLOCK)
        floats: npt.NDArray[np.float32] = blocks["weights"] * blocks["scale"].astype(np.float32)[:, None]
        return floats
    raise EngineError(f"Weights of the type {kind} cannot be quantised again.")


def _function() -> Any:
    """``ggml_quantize_chunk``: type, weights, result, first weight, rows, weights in a row, importance; bytes written.

    Raises:
        EngineError: llama.cpp does not run here, or its library lacks it.
    """
    library = llama_api.load()
    function = getattr(library.handle, "ggml_quantize_chunk", None)
    if function is None and sys.platform == "win32":  # there it is in a library of its own, loaded already
        function = getattr(ctypes.CDLL("ggml-base.dll"), "ggml_quantize_chunk", None)
    if function is None:
        raise EngineError("The llama.cpp that is installed cannot quantise. Use its own llama-quantize.")
    function.restype = ctypes.c_size_t
    function.argtypes = (
        ctypes.c_int,
        ctypes.POINTER(ctypes.c_float),
        ctypes.c_char_p,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_int64,
        ctypes.c_void_p,
    )
    return function
