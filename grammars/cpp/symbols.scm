; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(class_specifier
  name: [(type_identifier) @name (template_type name: (_) @name)] body: (_) @body) @definition.class
(struct_specifier
  name: [(type_identifier) @name (template_type name: (_) @name)] body: (_) @body) @definition.class
([
  (class_specifier name: (_) @name (base_class_clause [(type_identifier) (template_type) (qualified_identifier)] @base))
  (struct_specifier name: (_) @name (base_class_clause [(type_identifier) (template_type) (qualified_identifier)] @base))
]) @extends
(namespace_definition name: (_) @name body: (_) @body) @definition.module
(alias_declaration name: (_) @name type: (_) @type) @definition.type
(concept_definition name: (_) @name) @definition.type
(template_declaration (_ name: [(type_identifier) @name (template_type name: (_) @name)])) @whole
(template_declaration (concept_definition name: (_) @name)) @whole
(template_declaration (_ declarator: [
  (function_declarator declarator: (_) @name)
  (function_declarator declarator: (qualified_identifier name: (_) @name))
  (pointer_declarator (function_declarator declarator: (_) @name))
  (reference_declarator (function_declarator declarator: (_) @name))
])) @whole
(union_specifier name: (type_identifier) @name body: (_) @body) @definition.class
(enum_specifier name: (type_identifier) @name body: (_) @body) @definition.enum
(type_definition
  type: [(struct_specifier !name body: (_) @body) (union_specifier !name body: (_) @body)]
  declarator: (type_identifier) @name) @definition.class
(type_definition
  type: (enum_specifier !name body: (_) @body) declarator: (type_identifier) @name) @definition.enum
(type_definition type: (_) @type declarator: [
  (type_identifier) @name
  (pointer_declarator declarator: (type_identifier) @name)
]) @definition.type
(type_definition declarator: (function_declarator declarator: (parenthesized_declarator
  (pointer_declarator declarator: (type_identifier) @name)))) @definition.type
(enumerator name: (_) @name) @definition.constant
(field_declaration type: (_) @type declarator: [
  (field_identifier) @name
  (pointer_declarator declarator: (field_identifier) @name)
  (pointer_declarator declarator: (pointer_declarator declarator: (field_identifier) @name))
  (array_declarator declarator: (field_identifier) @name)
  (array_declarator declarator: (pointer_declarator declarator: (field_identifier) @name))
  (pointer_declarator declarator: (array_declarator declarator: (field_identifier) @name))
  (reference_declarator (field_identifier) @name)
]) @definition.field
(field_declaration type: (_) @type declarator: [
  (function_declarator declarator: [(field_identifier) (operator_name)] @name)
  (pointer_declarator declarator: (function_declarator declarator: (field_identifier) @name))
  (reference_declarator (function_declarator declarator: [(field_identifier) (operator_name)] @name))
]) @definition.method
(field_declaration declarator: (function_declarator declarator: (parenthesized_declarator
  (pointer_declarator declarator: (field_identifier) @name)))) @definition.field

(function_definition
  type: (_)? @type
  declarator: [
    (function_declarator declarator: [
      (identifier)
      (field_identifier)
      (operator_name)
      (destructor_name)
    ] @name)
    (pointer_declarator declarator: (function_declarator
      declarator: [(identifier) (field_identifier)] @name))
    (reference_declarator (function_declarator
      declarator: [(identifier) (field_identifier) (operator_name)] @name))
  ]
  body: (_)? @body) @definition.function
(function_definition
  type: (_)? @type
  declarator: [
    (function_declarator declarator: (qualified_identifier
      scope: (_) @owner name: [(identifier) (operator_name) (destructor_name)] @name))
    (function_declarator declarator: (qualified_identifier name: (qualified_identifier
      scope: (_) @owner name: [(identifier) (operator_name) (destructor_name)] @name)))
    (pointer_declarator declarator: (function_declarator declarator: (qualified_identifier
      scope: (_) @owner name: (identifier) @name)))
    (reference_declarator (function_declarator declarator: (qualified_identifier
      scope: (_) @owner name: [(identifier) (operator_name)] @name)))
  ]
  body: (_)? @body) @definition.method
(function_definition
  declarator: (function_declarator declarator: [
    (identifier) @name
    (qualified_identifier name: (identifier) @name)
    (qualified_identifier name: (qualified_identifier name: (identifier) @name))
  ])
  (field_initializer_list) @body) @definition.function
(function_definition
  declarator: (function_declarator
    declarator: (_) @name (trailing_return_type (type_descriptor) @type))) @definition.function
(declaration type: (_)? @type declarator: [
  (function_declarator declarator: [(identifier) (destructor_name) (operator_name)] @name)
  (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  (reference_declarator (function_declarator declarator: [(identifier) (operator_name)] @name))
]) @definition.function
(declaration type: (_) @type declarator: [
  (identifier) @name
  (init_declarator declarator: (identifier) @name)
  (pointer_declarator declarator: (identifier) @name)
  (init_declarator declarator: (pointer_declarator declarator: (identifier) @name))
  (array_declarator declarator: (identifier) @name)
  (init_declarator declarator: (array_declarator declarator: (identifier) @name))
  (init_declarator declarator: (pointer_declarator declarator: (array_declarator declarator: (identifier) @name)))
]) @definition.variable
(declaration declarator: (function_declarator declarator: (parenthesized_declarator
  (pointer_declarator declarator: (identifier) @name)))) @definition.variable
(preproc_def name: (_) @name) @definition.macro
(preproc_function_def name: (_) @name) @definition.macro

(using_declaration "namespace" @all [(identifier) (qualified_identifier)] @module) @import
(using_declaration . "using" . (qualified_identifier) @paths) @import
(preproc_include "#include" @all path: [(system_lib_string) (string_literal)] @module) @import

(init_declarator declarator: [
  (identifier) @variable
  (pointer_declarator declarator: (identifier) @variable)
  (reference_declarator (identifier) @variable)
] value: [
  (call_expression function: (_) @type)
  (new_expression type: (_) @type)
])
(parameter_declaration type: [
  (type_identifier)
  (struct_specifier)
  (template_type)
  (qualified_identifier)
] @type declarator: [
  (identifier) @variable
  (reference_declarator (identifier) @variable)
  (pointer_declarator declarator: (identifier) @variable)
  (pointer_declarator declarator: (pointer_declarator declarator: (identifier) @variable))
  (array_declarator declarator: (identifier) @variable)
])
