; Captures: see lsp_server/context/names.py.

[
  (method_declaration)
  (constructor_declaration)
  (local_function_statement)
  (lambda_expression)
  (anonymous_method_expression)
  (class_declaration)
  (interface_declaration)
  (struct_declaration)
  (record_declaration)
  (enum_declaration)
] @scope

(parameter name: (identifier) @name)
(implicit_parameter) @name
(variable_declarator name: (identifier) @name)
(foreach_statement left: (identifier) @name)
(catch_declaration name: (identifier) @name)
(declaration_expression name: (identifier) @name)
(declaration_pattern name: (identifier) @name)

(property_declaration name: (identifier) @name)
(event_declaration name: (identifier) @name)
(delegate_declaration name: (identifier) @name)
(enum_member_declaration name: (identifier) @name)
(using_directive name: (identifier) @name)
