; Captures: see lsp_server/context/names.py.

(variable_declaration
  (assignment_statement
    (expression_list value: (function_call name: (identifier) @importer arguments: (arguments (string)))))) @import
(function_call name: (identifier) @importer arguments: (arguments (string))) @import
