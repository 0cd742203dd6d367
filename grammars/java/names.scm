; Captures: see lsp_server/context/names.py.

[
  (method_declaration)
  (constructor_declaration)
  (compact_constructor_declaration)
  (lambda_expression)
  (class_declaration)
  (interface_declaration)
  (enum_declaration)
  (record_declaration)
  (annotation_type_declaration)
] @scope

(formal_parameter name: (identifier) @name)
(spread_parameter (variable_declarator name: (identifier) @name))
(catch_formal_parameter name: (identifier) @name)
(lambda_expression parameters: (identifier) @name)
(inferred_parameters (identifier) @name)
(resource name: (identifier) @name)
(local_variable_declaration declarator: (variable_declarator name: (identifier) @name))
(enhanced_for_statement name: (identifier) @name)
(instanceof_expression name: (identifier) @name)

(field_declaration declarator: (variable_declarator name: (identifier) @name))
(constant_declaration declarator: (variable_declarator name: (identifier) @name))
(enum_constant name: (identifier) @name)

(import_declaration (scoped_identifier name: (identifier) @name) .)
