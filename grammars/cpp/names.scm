; Captures: see lsp_server/context/names.py.

[
  (function_definition)
  (lambda_expression)
  (class_specifier body: (_))
  (struct_specifier body: (_))
  (union_specifier body: (_))
] @scope

(parameter_declaration declarator: (identifier) @name)
(optional_parameter_declaration declarator: (identifier) @name)
(pointer_declarator declarator: (identifier) @name)
(reference_declarator (identifier) @name)
(array_declarator declarator: (identifier) @name)
(declaration declarator: (identifier) @name)
(declaration declarator: (function_declarator) @scope)
(declaration declarator: (pointer_declarator declarator: (function_declarator) @scope))
(init_declarator declarator: (identifier) @name)
(for_range_loop declarator: (identifier) @name)
(structured_binding_declarator (identifier) @name)

(field_declaration declarator: (field_identifier) @name)
(field_declaration declarator: (pointer_declarator declarator: (field_identifier) @name))
(field_declaration declarator: (reference_declarator (field_identifier) @name))
(field_declaration declarator: (function_declarator) @scope)

(enum_specifier name: (type_identifier) @name body: (_))
(enumerator name: (identifier) @name)
(type_definition declarator: (type_identifier) @name)
(alias_declaration name: (type_identifier) @name)
(preproc_def name: (identifier) @name)
(preproc_function_def name: (identifier) @name)
(using_declaration (qualified_identifier name: (identifier) @name))
