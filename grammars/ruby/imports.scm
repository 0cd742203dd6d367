; Captures: see lsp_server/context/names.py.

(call !receiver method: (identifier) @importer arguments: (argument_list . (string))) @import
