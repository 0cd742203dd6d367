; Captures: see lsp_server/context/names.py.

[
  (function_declaration)
  (function_definition)
] @scope

(parameters name: (identifier) @name)
(variable_list name: (identifier) @name)
(for_numeric_clause name: (identifier) @name)

(assignment_statement (variable_list name: (dot_index_expression table: (identifier)) @attribute))
