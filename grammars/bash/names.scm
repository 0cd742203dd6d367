; Captures: see lsp_server/context/names.py.

(function_definition) @scope

(variable_assignment name: (variable_name) @name)
(for_statement variable: (variable_name) @name)
(declaration_command (variable_name) @name)
