; Captures: see lsp_server/context/names.py.

(using_directive) @import
