; Captures: see lsp_server/context/names.py.

(import_declaration) @import
