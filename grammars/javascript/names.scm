; Captures: see lsp_server/context/names.py.

[
  (function_declaration)
  (generator_function_declaration)
  (function_expression)
  (generator_function)
  (arrow_function)
  (method_definition)
  (class_declaration)
  (class)
] @scope

(formal_parameters (identifier) @name)
(arrow_function parameter: (identifier) @name)
(assignment_pattern left: (identifier) @name)
(rest_pattern (identifier) @name)
(array_pattern (identifier) @name)
(object_pattern (shorthand_property_identifier_pattern) @name)
(object_assignment_pattern left: (shorthand_property_identifier_pattern) @name)
(pair_pattern value: (identifier) @name)
(catch_clause parameter: (identifier) @name)

(variable_declarator name: (identifier) @name)
(for_in_statement left: (identifier) @name)

(import_clause (identifier) @name)
(namespace_import (identifier) @name)
(import_specifier !alias name: (identifier) @name)
(import_specifier alias: (identifier) @name)

(assignment_expression left: (member_expression object: (this)) @attribute)

(class_body member: (field_definition property: (_) @name))
