; Captures: see lsp_server/context/names.py.

(command name: (command_name (word) @importer)) @import
