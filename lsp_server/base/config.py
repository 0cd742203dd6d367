"""The settings: one schema for the TOML file, the editor's initializationOptions and workspace/configuration.

An unknown setting or a bad value is named in a warning and ignored; the others still count. Where the values come
from matters in one respect only: what decides where code is sent counts in the user's own settings file alone. What an
editor sends may come from a folder that was only just cloned (.vscode/settings.json, .helix/languages.toml,
.nvim.lua), and the protocol does not tell which.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from lsp_server.base.errors import ConfigError

Table = TypeVar("Table", bound=msgspec.Struct)


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team's server, for ``engine = "http"``. Off until the user names a server."""

    url: Annotated[
        str,
        Meta(
            description="Address of the server, such as 'http://127.0.0.1:8012'; nothing is sent without one."
        ),
    ] = ""
    api: Annotated[
        Literal["auto", "llama-server", "openai", "ollama"],
        Meta(description="What the server speaks; 'auto' asks it. vLLM and most others speak 'openai'."),
    ] = "auto"
    model: Annotated[
        str, Meta(description="Name of the model at the server; empty: the first that it offers.")
    ] = ""
    template: Annotated[
        str,
        Meta(
            description="Prompt family of the served model; 'auto' asks the server which special tokens it has, "
            "'infill' leaves the layout to the server."
        ),
    ] = "auto"
    context: Annotated[
        int,
        Meta(description="Most tokens of a prompt and its completion; less if the server has less.", ge=256),
    ] = 2_048
    timeout_ms: Annotated[
        int,
        Meta(
            description="Longest time in ms to connect, and between two parts of an answer. 'deadline_ms' bounds the "
            "whole suggestion.",
            ge=50,
            le=60_000,
        ),
    ] = 3_000
    allow_remote: Annotated[
        bool, Meta(description="Let code leave this machine, to the server at 'url'.")
    ] = False
    allow_unencrypted: Annotated[
        bool, Meta(description="Let it do so over http:// too, where others on the network can read it.")
    ] = False
    ca_file: Annotated[
        str, Meta(description="Certificates (PEM) to trust in place of the system's, for https://.")
    ] = ""
    token_env: Annotated[
        str, Meta(description="Environment variable that holds the server's token (API key).")
    ] = ""
    token_file: Annotated[
        str, Meta(description="File that holds the server's token, readable for you alone.")
    ] = ""


#: What decides where code goes, whom to trust there, and which secrets go along.
OWN_FILE_ONLY = frozenset(
    f"http.{name}"
    for name in ("url", "allow_remote", "allow_unencrypted", "ca_file", "token_env", "token_file")
)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting with its default. The descriptions are what the editors' settings pages show."""

    enabled: Annotated[bool, Meta(description="Suggest completions.")] = True
    model: Annotated[
        str,
        Meta(
            description="Name of the model: see 'offhand models list'; 'auto' is the largest that is quick on this "
            "machine, as far as that was measured.",
            min_length=1,
        ),
    ] = "bundled"
    engine: Annotated[
        Literal["auto", "llama_cpp", "ctransformers", "http", "memory", "fake"],
        Meta(
            description="What evaluates the model; 'auto' picks the best that can run it here, 'memory' uses no model "
            "and only repeats what you wrote, for the slowest machines, 'http' asks your team's server, which the "
            "settings file names. 'fake' is for tests."
        ),
    ] = "auto"
    threads: Annotated[
        Literal["auto"] | Annotated[int, Meta(ge=1, le=64)],
        Meta(
            description="CPU threads for the model; 'auto' takes 1 for a small one, and for a larger one as many as "
            "are fast while other programs run. A number is kept, however slow it makes a busy machine."
        ),
    ] = "auto"
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
    speculation: Annotated[
        Literal["off", "normal", "eager"],
        Meta(
            description="Work ahead while you read or think, so that the next suggestion is there at once: 'normal' "
            "for what most likely follows, 'eager' for more of what may follow. Never on battery, and not while other "
            "programs need the processor."
        ),
    ] = "normal"
    speculation_seconds: Annotated[
        int,
        Meta(
            description="Seconds of processor time in each minute that working ahead may take, at most.",
            ge=0,
            le=600,
        ),
    ] = 20
    http: Annotated[Http, Meta(description="A team's server, for the engine 'http'.")] = Http()
    log_level: Annotated[
        Literal["error", "warning", "info", "debug"],
        Meta(description="How much is written to the log file. It never contains code."),
    ] = "warning"


def merge(
    base: Config, values: Mapping[str, Any], origin: str, *, own_file: bool = False
) -> tuple[Config, list[str]]:
    """Lay ``values`` over ``base``.

    Args:
        origin: where they come from, for the warnings.
        own_file: they come from the user's own settings file, see ``OWN_FILE_ONLY``.

    Returns:
        the new settings, and one warning for each value that was ignored.
    """
    warnings: list[str] = []
    return _merged(base, values, origin, "", own_file, warnings), warnings


def _merged(
    base: Table, values: Mapping[str, Any], origin: str, above: str, own_file: bool, warnings: list[str]
) -> Table:
    """``merge`` for the settings or one table of them.

    Args:
        above: the table's name and a dot.
    """
    known = {field.name: field for field in msgspec.structs.fields(base)}
    accepted: dict[str, Any] = {}
    for key, value in values.items():
        name, field, now = f"{above}{key}", known.get(key), getattr(base, str(key), None)
        if field is None:
            warnings.append(
                f"{origin}: unknown setting '{name}' is ignored. "
                f"Known: {', '.join(above + one for one in sorted(known))}."
            )
        elif value is None:
            continue
        elif name in OWN_FILE_ONLY and not own_file:
            warnings.append(
                f"{origin}: setting '{name}' is ignored: a folder that you opened might have brought it along. It "
                "counts only in your own settings file: 'offhand doctor' says where that is."
            )
        elif isinstance(now, msgspec.Struct) and isinstance(value, Mapping):
            accepted[key] = _merged(now, value, origin, f"{name}.", own_file, warnings)
        else:
            try:
                accepted[key] = msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                warnings.append(f"{origin}: setting '{name}' is ignored: {error}.")
    return msgspec.structs.replace(base, **accepted)


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
