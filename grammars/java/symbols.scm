; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(annotation_type_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(class_declaration name: (_) @name superclass: (superclass (_) @base)) @extends
([
  (class_declaration name: (_) @name interfaces: (super_interfaces (type_list (_) @base)))
  (record_declaration name: (_) @name interfaces: (super_interfaces (type_list (_) @base)))
  (enum_declaration name: (_) @name interfaces: (super_interfaces (type_list (_) @base)))
]) @extends
(interface_declaration name: (_) @name (extends_interfaces (type_list (_) @base))) @extends
(enum_constant name: (_) @name) @definition.constant
(constructor_declaration name: (_) @name body: (_) @body) @definition.constructor
(compact_constructor_declaration name: (_) @name body: (_) @body) @definition.constructor
(method_declaration type: (_) @type name: (_) @name body: (_)? @body) @definition.method
(annotation_type_element_declaration type: (_) @type name: (_) @name) @definition.method
(field_declaration type: (_) @type declarator: (variable_declarator name: (_) @name)) @definition.field
(constant_declaration type: (_) @type declarator: (variable_declarator name: (_) @name)) @definition.constant
(record_declaration
  parameters: (formal_parameters (formal_parameter type: (_) @type name: (_) @name) @definition.field))
([
  (class_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
  (record_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
  (interface_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
  (enum_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
  (method_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
  (constructor_declaration (modifiers [(marker_annotation) (annotation)] @decorator) name: (_) @name)
]) @whole
(field_declaration
  (modifiers [(marker_annotation) (annotation)] @decorator)
  declarator: (variable_declarator name: (_) @name)) @whole

(import_declaration (scoped_identifier) @paths .) @import
(import_declaration (_) @module (asterisk) @name) @import

(formal_parameter type: (_) @type name: (_) @variable)
(local_variable_declaration type: (_) @type declarator: (variable_declarator name: (_) @variable))
(local_variable_declaration
  declarator: (variable_declarator name: (_) @variable value: (object_creation_expression type: (_) @type)))
(enhanced_for_statement type: (_) @type name: (_) @variable)
(resource type: (_) @type name: (_) @variable)
