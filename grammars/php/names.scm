; Captures: see lsp_server/context/names.py.

[
  (function_definition)
  (method_declaration)
  (anonymous_function)
  (arrow_function)
  (class_declaration)
  (interface_declaration)
  (trait_declaration)
  (enum_declaration)
] @scope

(simple_parameter name: (variable_name) @name)
(variadic_parameter name: (variable_name) @name)
(property_promotion_parameter name: (variable_name) @name)
(property_promotion_parameter name: (variable_name) @member)
(anonymous_function_use_clause (variable_name) @name)
(assignment_expression left: (variable_name) @name)
(reference_assignment_expression left: (variable_name) @name)
(list_literal (variable_name) @name)
(foreach_statement (pair (variable_name) @name))
(foreach_statement (_) (variable_name) @name)
(catch_clause name: (variable_name) @name)
(static_variable_declaration name: (variable_name) @name)
(global_declaration (variable_name) @name)

(property_element name: (variable_name) @name)
(const_element . (name) @name)
(enum_case name: (name) @name)

(namespace_use_clause !alias (qualified_name (name) @name .))
(namespace_use_clause !alias . (name) @name)
(namespace_use_clause alias: (name) @name)

(assignment_expression left: (member_access_expression object: (variable_name)) @attribute)
