; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) @definition.class
(type_spec name: (_) @name type: (interface_type "{" @body)) @definition.interface
(type_spec name: (_) @name type: (_) @type) @definition.type
(type_alias name: (_) @name type: (_) @type) @definition.type
(type_spec name: (_) @name type: (struct_type (field_declaration_list (field_declaration !name type: (_) @base)))) @extends
(type_spec name: (_) @name type: (interface_type (type_elem (_) @base))) @extends
(field_declaration name: (_) @name type: (_) @type) @definition.field
(method_elem name: (_) @name result: [
  (parameter_list . (parameter_declaration type: (_) @type))
  (type_identifier) @type
  (pointer_type) @type
  (qualified_type) @type
  (generic_type) @type
  (slice_type) @type
]?) @definition.method
(function_declaration name: (_) @name result: [
  (parameter_list . (parameter_declaration type: (_) @type))
  (type_identifier) @type
  (pointer_type) @type
  (qualified_type) @type
  (generic_type) @type
  (slice_type) @type
]? body: (_)? @body) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @owner)) name: (_) @name result: [
  (parameter_list . (parameter_declaration type: (_) @type))
  (type_identifier) @type
  (pointer_type) @type
  (qualified_type) @type
  (generic_type) @type
  (slice_type) @type
]? body: (_)? @body) @definition.method

(const_spec name: (identifier) @name type: (_)? @type) @definition.constant
(source_file (var_declaration [
  (var_spec name: (identifier) @name type: (_)? @type) @definition.variable
  (var_spec_list (var_spec name: (identifier) @name type: (_)? @type) @definition.variable)
]))
(const_declaration . (const_spec name: (_) @name) .) @whole
(var_declaration . (var_spec name: (_) @name) .) @whole
(type_declaration . (_ name: (_) @name) .) @whole

(import_spec !name path: (_) @module) @import
(import_spec name: [(package_identifier) (blank_identifier)] @alias path: (_) @module) @import
(import_spec name: (dot) @all path: (_) @module) @import

(parameter_declaration name: (identifier) @variable type: (_) @type)
(var_spec name: (identifier) @variable type: (_) @type)
(var_spec . name: (identifier) @variable value: (expression_list . [
  (unary_expression operand: (composite_literal type: (_) @type))
  (composite_literal type: (_) @type)
  (call_expression function: [(identifier) (selector_expression)] @type)
]))
(short_var_declaration left: (expression_list . (identifier) @variable) right: (expression_list . [
  (unary_expression operand: (composite_literal type: (_) @type))
  (composite_literal type: (_) @type)
  (call_expression function: [(identifier) (selector_expression)] @type)
]))
