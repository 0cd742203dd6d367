; Captures: see lsp_server/context/names.py.

(preproc_include) @import
