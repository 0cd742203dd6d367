; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_definition
  name: (identifier) @name
  ":" @head
  body: (block . (expression_statement . (string) @doc)?)) @definition.class
(class_definition
  name: (identifier) @name
  superclasses: (argument_list [
    (identifier) @base
    (attribute) @base
    (subscript value: (_) @base)
  ])) @extends
(function_definition
  name: (identifier) @name
  return_type: (type)? @type
  ":" @head
  body: (block . (expression_statement . (string) @doc)?)) @definition.function
(decorated_definition (decorator) @decorator definition: (_ name: (identifier) @name)) @whole
(type_alias_statement left: (type . [
  (identifier) @name
  (generic_type . (identifier) @name)
])) @definition.type

; A local variable is none that others see, but its type may be told.
(assignment left: (identifier) @name type: (type)? @type) @definition.variable
(assignment left: (identifier) @name right: [
  (call function: [(identifier) (attribute)] @type)
  (await (call function: [(identifier) (attribute)] @type))
]) @definition.variable
(assignment
  left: (attribute object: (identifier) @receiver attribute: (identifier) @name)
  type: (type)? @type) @definition.field
(assignment
  left: (attribute object: (identifier) @receiver attribute: (identifier) @name)
  right: [
    (call function: [(identifier) (attribute)] @type)
    (await (call function: [(identifier) (attribute)] @type))
  ]) @definition.field
(assignment
  left: (pattern_list (attribute object: (identifier) @receiver attribute: (identifier) @name))) @definition.field
(module (expression_statement
  (assignment left: (pattern_list (identifier) @name)) @definition.variable))

(import_statement name: (dotted_name) @module) @import
(import_statement name: (aliased_import name: (dotted_name) @module alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module name: (dotted_name) @name) @import
(import_from_statement
  module_name: (_) @module name: (aliased_import name: (dotted_name) @name alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module (wildcard_import) @name) @import

(typed_parameter . (identifier) @variable type: (type) @type)
(typed_default_parameter name: (identifier) @variable type: (type) @type)
(as_pattern
  (call function: [(identifier) (attribute)] @type) alias: (as_pattern_target (identifier) @variable))
