"""The family of exceptions. They mean "broken"; "nothing to offer" is ``None`` with a reason, never an exception.

OffhandError
├── ConfigError       a settings file or value that cannot be used
├── ResourceError     something that ships with Offhand is missing or damaged
├── GrammarError      a language's grammar or query cannot be loaded
├── ModelError        a model file or its manifest is missing, damaged or refused
├── EngineError       the engine or its worker failed
│   └── Aborted       an evaluation was stopped from outside: nothing is broken
├── ProtocolError     what goes between two of our own processes is no message
└── TrainingError     a model cannot be trained: a recipe, a run directory, a package

The text of each says what is wrong and what to do; ``cli`` and ``lsp`` show it as it is.
"""


class OffhandError(Exception):
    """Base of all errors that Offhand raises on purpose."""


class ConfigError(OffhandError):
    """A settings file or value cannot be used."""


class ResourceError(OffhandError):
    """Something that ships with Offhand is missing or damaged."""


class GrammarError(OffhandError):
    """A language's grammar or one of its queries cannot be loaded."""


class ModelError(OffhandError):
    """A model file or its manifest is missing, damaged or refused."""


class EngineError(OffhandError):
    """The engine, or the worker that runs it, failed."""


class Aborted(EngineError):
    """An evaluation was stopped before its end because somebody asked for it."""


class ProtocolError(OffhandError):
    """What one of our own processes says to another is no message, or too long to be one."""


class TrainingError(OffhandError):
    """A recipe, a run directory or a source of training text cannot be used."""
