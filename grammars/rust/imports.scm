; Captures: see lsp_server/context/names.py.

(use_declaration) @import
(extern_crate_declaration) @import
