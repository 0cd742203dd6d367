; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_definition name: (identifier) @name body: (block) @body) @definition.class
(class_definition superclasses: (argument_list [(identifier) (attribute)] @base)) @extends
(function_definition name: (identifier) @name body: (block) @body) @definition.function

(module (expression_statement (assignment left: (identifier) @name) @definition.variable))
(module (expression_statement
  (assignment left: (identifier) @name type: (type) @type) @definition.variable))
(class_definition body: (block (expression_statement
  (assignment left: (identifier) @name) @definition.field)))
(class_definition body: (block (expression_statement
  (assignment left: (identifier) @name type: (type) @type) @definition.field)))
(assignment left: (attribute object: (identifier) @receiver attribute: (identifier) @name)) @definition.field
(assignment
  left: (attribute object: (identifier) @receiver attribute: (identifier) @name)
  type: (type) @type) @definition.field
(assignment
  left: (attribute object: (identifier) @receiver attribute: (identifier) @name)
  right: (call function: [(identifier) (attribute)] @type)) @definition.field

(import_statement name: (dotted_name) @module) @import
(import_statement name: (aliased_import name: (dotted_name) @module alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module name: (dotted_name) @name) @import
(import_from_statement
  module_name: (_) @module name: (aliased_import name: (dotted_name) @name alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module (wildcard_import) @name) @import

(typed_parameter . (identifier) @variable type: (type) @type)
(typed_default_parameter name: (identifier) @variable type: (type) @type)
(assignment left: (identifier) @variable type: (type) @type)
(assignment left: (identifier) @variable right: (call function: [(identifier) (attribute)] @type))
(as_pattern
  (call function: [(identifier) (attribute)] @type) alias: (as_pattern_target (identifier) @variable))
