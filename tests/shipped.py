"""The small model that ships, as tests need it: its manifest, its tokenizer, and messages about it."""

from functools import cache
from typing import Any

from lsp_server.base.parts import Part
from lsp_server.engine.messages import Complete, Load, Stop
from lsp_server.engine.tokenizer import Tokenizer
from lsp_server.models import store
from lsp_server.prompt.render import About, Budget, render
from lsp_server.prompt.window import Window

MODEL = store.find("small")


@cache
def tokenizer() -> Tokenizer:
    return Tokenizer(MODEL.tokenizer_file, MODEL.manifest.special_tokens)


def load_message(engine: str, **changes: Any) -> Load:
    manifest = MODEL.manifest
    fields = {
        "model": str(MODEL.model_file),
        "tokenizer": str(MODEL.tokenizer_file),
        "sha256": manifest.model.sha256,
        "context": manifest.context_length,
        "threads": 1,
        "special_tokens": manifest.special_tokens,
        "end_tokens": manifest.end_tokens,
    }
    return Load(engine=engine, **{**fields, **changes})


def prompt(prefix: str, suffix: str = "") -> tuple[Part, ...]:
    """A suffix-first prompt, as the models that ship were trained on."""
    without_limits = Budget(0, 0, 0)
    return render("offhand", Window(prefix, suffix, 0), About("app/main.py"), (), without_limits)


def complete_message(prefix: str, stop: Stop | None = None, id: int = 1, max_tokens: int = 40) -> Complete:
    return Complete(id, prompt(prefix), stop or Stop(), max_tokens, 30_000)
