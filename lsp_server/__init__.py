"""Offhand: an offline code-completion language server. This docstring is the map of the house.

Three processes::

    editor --LSP/stdio--> server (this package without engine backends) --msgpack--> worker (engine.worker)
                                                                        --msgpack--> indexer (workspace.index.indexer)

An import points down only (``tests/test_layers.py`` enforces it)::

    cli                             one file a command
    lsp | training | bench          the protocol; the model's training; the product's own numbers
    completion                      snapshot -> context -> prompt -> engine -> filters -> suggestion
    workspace | prompt | engine | models
    context                         what the syntax says; pure
    base                            text, config, paths, resources, metrics, errors

ARCHITECTURE.md tells the life of one completion. This module imports nothing.
"""

__version__ = "0.1.0"
