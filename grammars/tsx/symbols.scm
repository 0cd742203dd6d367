; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

([
  (class_declaration name: (_) @name body: (_) @body)
  (abstract_class_declaration name: (_) @name body: (_) @body)
]) @definition.class
([
  (class_declaration name: (_) @name (class_heritage [(extends_clause value: (_) @base) (implements_clause (_) @base)]))
  (abstract_class_declaration name: (_) @name (class_heritage [(extends_clause value: (_) @base) (implements_clause (_) @base)]))
]) @extends
(class_body (decorator) @above)
(class_body (method_definition
  name: (_) @name return_type: (type_annotation)? @type body: (_) @body) @definition.method)
(class_body (method_signature name: (_) @name return_type: (type_annotation)? @type) @definition.method)
(abstract_method_signature name: (_) @name return_type: (type_annotation)? @type) @definition.method
(required_parameter
  [(accessibility_modifier) "readonly"]
  pattern: (identifier) @name type: (type_annotation)? @type) @definition.field
(public_field_definition decorator: (decorator) @decorator name: (_) @name) @whole
(public_field_definition name: (_) @name value: [
  (arrow_function return_type: (type_annotation)? @type body: (_) @body)
  (function_expression return_type: (type_annotation)? @type body: (_) @body)
]) @definition.method
(public_field_definition name: (_) @name type: (type_annotation)? @type) @definition.field
(public_field_definition name: (_) @name value: (new_expression constructor: (_) @type)) @definition.field
(assignment_expression left: (member_expression object: (this) @receiver property: (_) @name)) @definition.field
(assignment_expression
  left: (member_expression object: (this) @receiver property: (_) @name)
  right: (new_expression constructor: (_) @type)) @definition.field

(function_declaration
  name: (_) @name return_type: (type_annotation)? @type body: (_) @body) @definition.function
(generator_function_declaration
  name: (_) @name return_type: (type_annotation)? @type body: (_) @body) @definition.function
(function_signature name: (_) @name return_type: (type_annotation)? @type) @definition.function

(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(interface_declaration name: (_) @name (extends_type_clause (_) @base)) @extends
(property_signature name: (_) @name type: (type_annotation)? @type) @definition.field
(method_signature name: (_) @name return_type: (type_annotation)? @type) @definition.method
(type_alias_declaration name: (_) @name) @definition.type
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(enum_body name: (_) @name @definition.constant)
(enum_assignment name: (_) @name) @definition.constant
(internal_module name: (_) @name body: (_) @body) @definition.module
(module name: (string (string_fragment) @name) body: (_) @body) @definition.module
(ambient_declaration (_ name: (_) @name)) @whole
(ambient_declaration (lexical_declaration (variable_declarator
  name: (_) @name type: (type_annotation)? @type)) @definition.variable)
(ambient_declaration (variable_declaration (variable_declarator
  name: (_) @name type: (type_annotation)? @type)) @definition.variable)
(assignment_expression
  left: (member_expression
    object: (member_expression object: (identifier) @owner property: (property_identifier) @receiver)
    property: (_) @name)
  right: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.method
(assignment_expression
  left: (member_expression object: (_) @receiver property: (_) @name)
  right: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.function
(assignment_expression
  left: (member_expression object: [(identifier) (member_expression)] @receiver property: (_) @name))
  @definition.variable

(program (lexical_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function return_type: (type_annotation)? @type body: (_) @body)
  (function_expression return_type: (type_annotation)? @type body: (_) @body)
])) @definition.function)
(program (lexical_declaration (variable_declarator name: (identifier) @name value: (class
  body: (_) @body))) @definition.class)
(variable_declarator
  name: (identifier) @name value: (class (class_heritage (extends_clause value: (_) @base)))) @extends
(program (lexical_declaration (variable_declarator
  name: (identifier) @name type: (type_annotation)? @type)) @definition.variable)
(program (variable_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function return_type: (type_annotation)? @type body: (_) @body)
  (function_expression return_type: (type_annotation)? @type body: (_) @body)
])) @definition.function)
(program (variable_declaration (variable_declarator
  name: (identifier) @name type: (type_annotation)? @type)) @definition.variable)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name value: [
  (arrow_function return_type: (type_annotation)? @type body: (_) @body)
  (function_expression return_type: (type_annotation)? @type body: (_) @body)
])) @definition.function)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name value: (class
  body: (_) @body))) @definition.class)
(export_statement declaration: (lexical_declaration (variable_declarator
  name: (identifier) @name type: (type_annotation)? @type)) @definition.variable)
(export_statement declaration: (_ name: (_) @name)) @whole
(export_statement decorator: (decorator) @decorator declaration: (_ name: (_) @name)) @whole
(export_statement declaration: (_ (variable_declarator name: (_) @name))) @whole
(class_declaration decorator: (decorator) @decorator name: (_) @name) @whole

; The members of an object that a name is given to.
(variable_declarator
  name: (identifier) @owner
  value: (object (method_definition name: (_) @name body: (_) @body) @definition.method))
(variable_declarator
  name: (identifier) @owner
  value: (object (pair key: (property_identifier) @name value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.method))
(variable_declarator
  name: (identifier) @owner
  value: (object (pair key: (property_identifier) @name) @definition.field))

(import_statement (import_clause (identifier) @default) source: (string) @module) @import
(import_statement (import_clause (namespace_import (identifier) @alias)) source: (string) @module) @import
(import_statement
  (import_clause (named_imports (import_specifier name: (_) @name alias: (_)? @alias)))
  source: (string) @module) @import
(import_statement
  (import_require_clause (identifier) @alias source: (string) @module)) @import
(import_statement . source: (string) @module) @import
(export_statement
  (export_clause (export_specifier name: (_) @name alias: (_)? @alias)) source: (string) @module) @import
(export_statement "*" @name . "from" source: (string) @module) @import
(export_statement (namespace_export (_) @alias) source: (string) @module) @import
(call_expression function: (import) arguments: (arguments . (string) @module)) @import
(expression_statement
  (call_expression function: (identifier) @importer arguments: (arguments . (string) @module))) @import
(variable_declarator
  name: (identifier) @alias
  value: (call_expression function: (identifier) @importer arguments: (arguments . (string) @module))) @import
(variable_declarator
  name: (object_pattern [
    (shorthand_property_identifier_pattern) @name
    (pair_pattern key: (_) @name value: (identifier) @alias)
  ])
  value: (call_expression function: (identifier) @importer arguments: (arguments . (string) @module))) @import
(variable_declarator
  name: (identifier) @alias
  value: (member_expression
    object: (call_expression function: (identifier) @importer arguments: (arguments . (string) @module))
    property: (_) @name)) @import

(required_parameter pattern: (identifier) @variable type: (type_annotation) @type)
(optional_parameter pattern: (identifier) @variable type: (type_annotation) @type)
(variable_declarator name: (identifier) @variable type: (type_annotation) @type)
(variable_declarator name: (identifier) @variable value: [
  (new_expression constructor: (_) @type)
  (call_expression function: [(identifier) (member_expression)] @type)
  (await_expression (call_expression function: [(identifier) (member_expression)] @type))
])
