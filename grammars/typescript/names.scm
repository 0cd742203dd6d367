; Captures: see lsp_server/context/names.py.

[
  (function_declaration)
  (generator_function_declaration)
  (function_expression)
  (generator_function)
  (arrow_function)
  (method_definition)
  (class_declaration)
  (function_type)
  (method_signature)
  (class)
  (abstract_class_declaration)
  (interface_declaration)
  (enum_declaration)
] @scope

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

(required_parameter pattern: (identifier) @name)
(optional_parameter pattern: (identifier) @name)
(type_alias_declaration name: (type_identifier) @name)
(public_field_definition name: (_) @name)
(class_body (method_definition
  name: (property_identifier)
  parameters: (formal_parameters
    (required_parameter (accessibility_modifier) pattern: (identifier) @member))))
(interface_body (property_signature name: (_) @name))
(interface_body (method_signature name: (_) @name))
(enum_body name: (_) @name)
(enum_assignment name: (_) @name)
