; Captures: see lsp_server/context/names.py.

[
  (function_declaration)
  (method_declaration)
  (func_literal)
] @scope

(parameter_declaration name: (identifier) @name)
(variadic_parameter_declaration name: (identifier) @name)
(short_var_declaration left: (expression_list (identifier) @name))
(range_clause left: (expression_list (identifier) @name))
(receive_statement left: (expression_list (identifier) @name))
(type_switch_statement alias: (expression_list (identifier) @name))
(var_spec name: (identifier) @name)
(const_spec name: (identifier) @name)
(type_spec name: (type_identifier) @name)
(type_alias name: (type_identifier) @name)
(import_spec name: (package_identifier) @name)

(assignment_statement left: (expression_list (selector_expression operand: (identifier)) @attribute))
