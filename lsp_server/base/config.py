"""The settings: one schema for the TOML file, the editor's initializationOptions and workspace/configuration.

An unknown setting or a bad value is named in a warning and ignored; the others still count. Does not know where the
values come from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lsp_server.base.errors import ConfigError


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting with its default. The descriptions are what the editors' settings pages show."""

    enabled: Annotated[bool, Meta(description="Suggest completions.")] = True
    model: Annotated[str, Meta(description="Name of the model: see 'offhand models list'.", min_length=1)] = (
        "bundled"
    )
    engine: Annotated[
        Literal["auto", "llama_cpp", "ctransformers", "memory", "fake"],
        Meta(
            description="What evaluates the model; 'auto' picks the best that can run it, 'memory' uses no model and "
            "only repeats what you wrote, for the slowest machines. 'fake' is for tests."
        ),
    ] = "auto"
    threads: Annotated[
        int,
        Meta(description="CPU threads for the model. More than 1 is slower on a busy machine.", ge=1, le=64),
    ] = 1
    multiline: Annotated[
        Literal["auto", "never"],
        Meta(
            description="Suggest a whole block where the syntax expects one ('auto'), or single lines only."
        ),
    ] = "auto"
    mode: Annotated[
        Literal["quiet", "balanced", "eager"],
        Meta(
            description="How sure a suggestion must be to be shown unasked; 'quiet' shows few, mostly right ones."
        ),
    ] = "balanced"
    adapt: Annotated[
        bool,
        Meta(
            description="Let what you accept and reject move how sure a suggestion must be. What is learnt are a few "
            "numbers, which stay on this machine: 'offhand reset' forgets them."
        ),
    ] = True
    comments: Annotated[bool, Meta(description="Also suggest inside comments and docstrings.")] = False
    popup: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="Offer the suggestion in the editor's completion menu too; 'auto' does so only in editors "
            "that have not asked for ghost text."
        ),
    ] = "auto"
    workspace: Annotated[
        bool, Meta(description="Also learn from the files of the workspace that are not open.")
    ] = True
    keep_cache: Annotated[
        bool,
        Meta(
            description="Keep on disk, readable by you alone, what the model has computed of the last prompt, so that "
            "a large model answers at once after a restart. The prompt's text can be recovered from it; 'offhand "
            "reset' removes it."
        ),
    ] = False
    disabled_languages: Annotated[
        tuple[str, ...], Meta(description="Languages to stay silent in, by the editor's language id.")
    ] = ()
    deadline_ms: Annotated[
        int, Meta(description="Longest time in ms that one suggestion may take.", ge=50, le=60_000)
    ] = 1_000
    log_level: Annotated[
        Literal["error", "warning", "info", "debug"],
        Meta(description="How much is written to the log file. It never contains code."),
    ] = "warning"


def merge(base: Config, values: Mapping[str, Any], origin: str) -> tuple[Config, list[str]]:
    """Lay ``values`` over ``base``.

    Args:
        origin: where they come from, for the warnings.

    Returns:
        the new settings, and one warning for each value that was ignored.
    """
    known = {field.name: field for field in msgspec.structs.fields(Config)}
    accepted: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            warnings.append(
                f"{origin}: unknown setting '{name}' is ignored. Known: {', '.join(sorted(known))}."
            )
            continue
        if value is None:
            continue
        try:
            accepted[name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            warnings.append(f"{origin}: setting '{name}' is ignored: {error}.")
    return msgspec.structs.replace(base, **accepted), warnings


def read_file(path: Path) -> dict[str, Any]:
    """Read a TOML settings file; an absent file is empty.

    Raises:
        ConfigError: it cannot be read or is not TOML.
    """
    try:
        data = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"Settings file {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"Settings file {path} is not valid TOML: {error}. It is ignored.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"Settings file {path} is not a table. It is ignored.")
    return data
