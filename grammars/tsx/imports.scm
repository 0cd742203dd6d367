; Captures: see lsp_server/context/names.py.

(import_statement) @import
(lexical_declaration
  (variable_declarator
    value: (call_expression function: (identifier) @importer arguments: (arguments . (string) .)))) @import
