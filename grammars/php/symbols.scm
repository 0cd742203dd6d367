; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_declaration name: (_) @name body: (_) @body) @definition.class
(trait_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
([
  (class_declaration name: (_) @name (base_clause (_) @base))
  (interface_declaration name: (_) @name (base_clause (_) @base))
]) @extends
([
  (class_declaration name: (_) @name (class_interface_clause (_) @base))
  (enum_declaration name: (_) @name (class_interface_clause (_) @base))
]) @extends
([
  (class_declaration name: (_) @name body: (declaration_list (use_declaration (_) @base)))
  (trait_declaration name: (_) @name body: (declaration_list (use_declaration (_) @base)))
]) @extends
(enum_case name: (_) @name) @definition.constant
(const_element . (name) @name) @definition.constant
(const_declaration (const_element . (name) @name)) @whole
(function_call_expression
  function: (name) @definer
  arguments: (arguments . (argument (string (string_content) @name)))) @definition.constant
(property_declaration type: (_)? @type (property_element name: (variable_name (name) @name))) @definition.field
(property_promotion_parameter type: (_)? @type name: (variable_name (name) @name)) @definition.field
(method_declaration name: (_) @name return_type: (_)? @type body: (_)? @body) @definition.method
(function_definition name: (_) @name return_type: (_)? @type body: (_) @body) @definition.function
(assignment_expression
  left: (member_access_expression object: (variable_name) @receiver name: (name) @name)) @definition.field
(assignment_expression
  left: (member_access_expression object: (variable_name) @receiver name: (name) @name)
  right: [
    (object_creation_expression . [(name) (qualified_name)] @type)
    (scoped_call_expression scope: (_) @type)
  ]) @definition.field
(program (expression_statement
  (assignment_expression left: (variable_name) @name) @definition.variable))
([
  (class_declaration attributes: (_) @decorator name: (_) @name)
  (interface_declaration attributes: (_) @decorator name: (_) @name)
  (enum_declaration attributes: (_) @decorator name: (_) @name)
  (method_declaration attributes: (_) @decorator name: (_) @name)
  (function_definition attributes: (_) @decorator name: (_) @name)
]) @whole

; Only the name, since what stands in a namespace does not become its member.
(namespace_definition name: (_) @name @definition.module)

(namespace_use_declaration (namespace_use_clause) @paths) @import
(namespace_use_declaration
  (namespace_name) @module
  body: (namespace_use_group (namespace_use_clause . [(name) (qualified_name)] @name alias: (_)? @alias))) @import
([
  (require_expression [
    (string (string_content) @module)
    (binary_expression right: (string (string_content) @module))
  ])
  (require_once_expression [
    (string (string_content) @module)
    (binary_expression right: (string (string_content) @module))
  ])
  (include_expression [
    (string (string_content) @module)
    (binary_expression right: (string (string_content) @module))
  ])
  (include_once_expression [
    (string (string_content) @module)
    (binary_expression right: (string (string_content) @module))
  ])
]) @import @all

(simple_parameter type: (_) @type name: (variable_name) @variable)
(property_promotion_parameter type: (_) @type name: (variable_name) @variable)
(assignment_expression left: (variable_name) @variable right: [
  (object_creation_expression . [(name) (qualified_name)] @type)
  (scoped_call_expression scope: (_) @type)
])
