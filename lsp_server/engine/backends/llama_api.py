"""The C interface of llama.cpp's shared library, out of a prebuilt wheel: found, checked, declared. Loads no model.

Two wheels have the same interface (llama.h of b11548 and b11549) and export it: xllamacpp's extension module on Linux
and macOS, llama-cpp-py-sync's DLLs on Windows, where xllamacpp exports nothing. Neither package is imported, which
would cost time and pull in servers; its library is opened with ctypes. The layouts below are those of that interface
alone, so any other version is refused, and before they are trusted with a pointer what the library itself fills in by
default is compared with what it must be.
"""

import ctypes
import importlib.metadata
import platform
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsp_server.base.errors import EngineError

#: Distribution, the version that is known, and its library, by ``sys.platform``.
_WHEELS = {
    "linux": ("xllamacpp", "2026.10.11549", "xllamacpp/xllamacpp.abi3.so"),
    "darwin": ("xllamacpp", "2026.10.11549", "xllamacpp/xllamacpp.abi3.so"),
    "win32": ("llama-cpp-py-sync", "0.11548", "llama_cpp_py_sync/llama.dll"),
}

#: What both say of themselves; and the build of llama.cpp, for what is remembered of it.
_VERSION = b"0.6.0-dev"
BUILD = "b11549"

#: The wheels are built for x86 processors with these, and die by a signal on others.
_CPU_FLAGS = frozenset(("avx2", "fma", "f16c", "bmi2"))
_AVX2_ON_WINDOWS = 40  # PF_AVX2_INSTRUCTIONS_AVAILABLE of winnt.h

_ERROR = 4  # GGML_LOG_LEVEL_ERROR

#: What ``decode`` returns beside 0.
NO_SPACE, ABORTED = 1, 2

_F16 = 1  # GGML_TYPE_F16

_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class ModelParams(ctypes.Structure):
    """``struct llama_model_params``."""

    _fields_ = (
        ("devices", ctypes.c_void_p),
        ("tensor_buft_overrides", ctypes.c_void_p),
        ("n_gpu_layers", ctypes.c_int32),
        ("split_mode", ctypes.c_int),
        ("load_mode", ctypes.c_int),
        ("lazy_mode", ctypes.c_int),
        ("main_gpu", ctypes.c_int32),
        ("tensor_split", ctypes.c_void_p),
        ("progress_callback", ctypes.c_void_p),
        ("progress_callback_user_data", ctypes.c_void_p),
        ("kv_overrides", ctypes.c_void_p),
        ("vocab_only", ctypes.c_bool),
        ("check_tensors", ctypes.c_bool),
        ("use_extra_bufts", ctypes.c_bool),
        ("no_host", ctypes.c_bool),
        ("no_alloc", ctypes.c_bool),
        ("load_mtp", ctypes.c_bool),
    )


class ContextParams(ctypes.Structure):
    """``struct llama_context_params``."""

    _fields_ = (
        ("n_ctx", ctypes.c_uint32),
        ("n_batch", ctypes.c_uint32),
        ("n_ubatch", ctypes.c_uint32),
        ("n_seq_max", ctypes.c_uint32),
        ("n_rs_seq", ctypes.c_uint32),
        ("n_outputs_max", ctypes.c_uint32),
        ("n_outputs_max_per_seq", ctypes.c_uint32),
        ("n_threads", ctypes.c_int32),
        ("n_threads_batch", ctypes.c_int32),
        ("ctx_type", ctypes.c_int),
        ("rope_scaling_type", ctypes.c_int),
        ("pooling_type", ctypes.c_int),
        ("attention_type", ctypes.c_int),
        ("flash_attn_type", ctypes.c_int),
        ("rope_freq_base", ctypes.c_float),
        ("rope_freq_scale", ctypes.c_float),
        ("yarn_ext_factor", ctypes.c_float),
        ("yarn_attn_factor", ctypes.c_float),
        ("yarn_beta_fast", ctypes.c_float),
        ("yarn_beta_slow", ctypes.c_float),
        ("yarn_orig_ctx", ctypes.c_uint32),
        ("defrag_thold", ctypes.c_float),
        ("cb_eval", ctypes.c_void_p),
        ("cb_eval_user_data", ctypes.c_void_p),
        ("type_k", ctypes.c_int),
        ("type_v", ctypes.c_int),
        ("moe_cache_size", ctypes.c_size_t),
        ("abort_callback", ctypes.c_void_p),
        ("abort_callback_data", ctypes.c_void_p),
        ("embeddings", ctypes.c_bool),
        ("offload_kqv", ctypes.c_bool),
        ("no_perf", ctypes.c_bool),
        ("op_offload", ctypes.c_bool),
        ("swa_full", ctypes.c_bool),
        ("kv_unified", ctypes.c_bool),
        ("samplers", ctypes.c_void_p),
        ("n_samplers", ctypes.c_size_t),
        ("ctx_other", ctypes.c_void_p),
    )


class Batch(ctypes.Structure):
    """``struct llama_batch``."""

    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


_POINTER, _INT, _UINT, _SIZE, _BOOL = (
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_uint32,
    ctypes.c_size_t,
    ctypes.c_bool,
)
_FLOATS = ctypes.POINTER(ctypes.c_float)

#: Function: its result, its arguments.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_version": (ctypes.c_char_p, ()),
    "llama_backend_init": (None, ()),
    "llama_log_set": (None, (_LogCallback, _POINTER)),
    "llama_model_default_params": (ModelParams, ()),
    "llama_context_default_params": (ContextParams, ()),
    "llama_model_load_from_file": (_POINTER, (ctypes.c_char_p, ModelParams)),
    "llama_model_free": (None, (_POINTER,)),
    "llama_model_n_params": (ctypes.c_uint64, (_POINTER,)),
    "llama_model_is_recurrent": (_BOOL, (_POINTER,)),
    "llama_model_is_hybrid": (_BOOL, (_POINTER,)),
    "llama_model_is_diffusion": (_BOOL, (_POINTER,)),
    "llama_model_has_encoder": (_BOOL, (_POINTER,)),
    "llama_model_get_vocab": (_POINTER, (_POINTER,)),
    "llama_vocab_n_tokens": (_INT, (_POINTER,)),
    "llama_tokenize": (
        _INT,
        (_POINTER, ctypes.c_char_p, _INT, ctypes.POINTER(_INT), _INT, _BOOL, _BOOL),
    ),
    "llama_init_from_model": (_POINTER, (_POINTER, ContextParams)),
    "llama_free": (None, (_POINTER,)),
    "llama_get_memory": (_POINTER, (_POINTER,)),
    "llama_memory_clear": (None, (_POINTER, _BOOL)),
    "llama_memory_seq_rm": (_BOOL, (_POINTER, _INT, _INT, _INT)),
    "llama_memory_seq_pos_max": (_INT, (_POINTER, _INT)),
    "llama_decode": (_INT, (_POINTER, Batch)),
    "llama_get_logits": (_FLOATS, (_POINTER,)),
    "llama_set_n_threads": (None, (_POINTER, _INT, _INT)),
    "llama_state_seq_get_size": (_SIZE, (_POINTER, _INT)),
    "llama_state_seq_get_data": (_SIZE, (_POINTER, _POINTER, _SIZE, _INT)),
    "llama_state_seq_set_data": (_SIZE, (_POINTER, ctypes.c_char_p, _SIZE, _INT)),
}


class Library:
    """The loaded library; its functions are attributes without ``llama_``.

    Attributes:
        complaints: its last error messages.
        handle: all of it, undeclared.
    """

    def __init__(self, path: Path) -> None:
        """Open and check it.

        Raises:
            EngineError: it cannot be loaded, or has another interface than the one that is known.
        """
        try:
            library = ctypes.CDLL(str(path), winmode=0) if sys.platform == "win32" else ctypes.CDLL(str(path))
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name.removeprefix("llama_"), function)
        except OSError as error:
            advice = (
                "Install your system's package with libgomp.so.1 (Debian, Ubuntu: libgomp1; Fedora: libgomp)."
                if "libgomp" in str(error)
                else "Install Offhand again."
            )
            raise EngineError(f"llama.cpp's library cannot be loaded: {error}. {advice}") from error
        except AttributeError as error:
            raise _other(f"it lacks a function: {error}") from error
        self._check()
        self.handle = library
        self.complaints: deque[str] = deque(maxlen=3)
        self._log = _LogCallback(self._heard)  # must live as long as the library may call it
        self.log_set(self._log, None)
        self.backend_init()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """For the type checker: every declared function is an attribute."""
        raise AttributeError(name)

    def _check(self) -> None:
        """Compare what the library fills in by default with what it must be, and so the layouts."""
        if (version := self.version()) != _VERSION:
            raise _other(f"it says that it is {version!r}")
        context: ContextParams = self.context_default_params()
        model: ModelParams = self.model_default_params()
        expected = (
            (context.n_ctx, 512),
            (context.n_seq_max, 1),
            (context.flash_attn_type, -1),
            (context.rope_scaling_type, -1),
            (context.yarn_ext_factor, -1.0),
            (context.type_k, _F16),
            (context.type_v, _F16),
            (context.abort_callback, None),
            (context.embeddings, False),
            (context.offload_kqv, True),
            (context.no_perf, True),
            (context.n_samplers, 0),
            (context.ctx_other, None),
            (model.main_gpu, 0),
            (model.kv_overrides, None),
            (model.vocab_only, False),
            (model.use_extra_bufts, True),
            (model.no_alloc, False),
        )
        if any(found != wanted for found, wanted in expected):
            raise _other("its defaults do not stand where they should")

    def _heard(self, level: int, text: bytes, _data: object) -> None:
        if level == _ERROR:
            self.complaints.append(text.decode(errors="replace").strip())


def _other(what: str) -> EngineError:
    return EngineError(
        f"llama.cpp's library has another interface than Offhand knows: {what}. Install Offhand again, with the exact "
        "versions that it asks for."
    )


def load() -> Library:
    """Find the library among the installed packages, and open it.

    Raises:
        EngineError: there is none for this machine, it is another version, or it cannot be loaded here.
    """
    if (found := _WHEELS.get(sys.platform)) is None:
        raise EngineError(f"There is no prebuilt llama.cpp for {sys.platform}.")
    name, version, file = found
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise EngineError(
            f"The package {name} is not installed, which has llama.cpp for this machine. Install Offhand again; on "
            f"{platform.machine()} with {platform.system()} there may be none."
        ) from error
    if distribution.version != version:
        raise EngineError(
            f"Version {distribution.version} of the package {name} is installed; Offhand knows llama.cpp's interface "
            f"as it is in {version}. Install Offhand again, with the exact versions that it asks for."
        )
    if missing := _missing_flags():
        raise EngineError(f"This processor lacks {', '.join(missing)}, which the prebuilt llama.cpp needs.")
    return Library(Path(str(distribution.locate_file(file))))


def _missing_flags() -> list[str]:
    """What the processor cannot do and would be asked for; nothing where that is not known."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    if sys.platform == "win32":
        there = ctypes.windll.kernel32.IsProcessorFeaturePresent(_AVX2_ON_WINDOWS)
        return [] if there else ["avx2"]
    try:
        if sys.platform == "darwin":
            command = ("/usr/sbin/sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features")
            text = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
        else:
            cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
            text = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    except (OSError, subprocess.SubprocessError):
        return []
    flags = set(text.lower().split())
    return sorted(_CPU_FLAGS - flags) if flags else []
