; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_declaration name: (_) @name body: (_) @body) @definition.class
(struct_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_)? @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
([
  (class_declaration name: (_) @name (base_list (_) @base))
  (struct_declaration name: (_) @name (base_list (_) @base))
  (record_declaration name: (_) @name (base_list (_) @base))
  (interface_declaration name: (_) @name (base_list (_) @base))
]) @extends
(enum_member_declaration name: (_) @name) @definition.constant
(delegate_declaration name: (_) @name) @definition.type
(constructor_declaration name: (_) @name body: (_) @body) @definition.constructor
(constructor_declaration name: (_) @name (constructor_initializer) @body) @definition.constructor
(method_declaration returns: (_) @type name: (_) @name body: (_)? @body) @definition.method
(property_declaration type: (_) @type name: (_) @name) @definition.field
(field_declaration (variable_declaration type: (_) @type (variable_declarator name: (_) @name))) @definition.field
(event_field_declaration
  (variable_declaration type: (_) @type (variable_declarator name: (_) @name))) @definition.field
(record_declaration (parameter_list (parameter type: (_) @type name: (_) @name) @definition.field))
([
  (class_declaration (attribute_list) @decorator name: (_) @name)
  (struct_declaration (attribute_list) @decorator name: (_) @name)
  (record_declaration (attribute_list) @decorator name: (_) @name)
  (interface_declaration (attribute_list) @decorator name: (_) @name)
  (enum_declaration (attribute_list) @decorator name: (_) @name)
  (constructor_declaration (attribute_list) @decorator name: (_) @name)
  (method_declaration (attribute_list) @decorator name: (_) @name)
  (property_declaration (attribute_list) @decorator name: (_) @name)
]) @whole
(field_declaration
  (attribute_list) @decorator (variable_declaration (variable_declarator name: (_) @name))) @whole

; Only the name, since what stands in a namespace does not become its member.
(namespace_declaration name: (_) @name @definition.module)
(file_scoped_namespace_declaration name: (_) @name @definition.module)

(using_directive !name "using" @all [(identifier) (qualified_name)] @module) @import
(using_directive name: (_) @alias (qualified_name qualifier: (_) @module name: (_) @name)) @import

(parameter type: (_) @type name: (_) @variable)
(local_declaration_statement
  (variable_declaration type: (_) @type (variable_declarator name: (_) @variable)))
(local_declaration_statement (variable_declaration (variable_declarator name: (_) @variable [
  (object_creation_expression type: (_) @type)
  (invocation_expression function: (_) @type)
  (await_expression (invocation_expression function: (_) @type))
])))
(foreach_statement type: (_) @type left: (identifier) @variable)
(declaration_pattern type: (_) @type name: (_) @variable)
