; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(struct_item name: (_) @name body: (field_declaration_list)? @body) @definition.class
(union_item name: (_) @name body: (_) @body) @definition.class
(enum_item name: (_) @name body: (_) @body) @definition.enum
(trait_item name: (_) @name body: (_) @body) @definition.interface
(trait_item name: (_) @name bounds: (trait_bounds (_) @base)) @extends
(impl_item trait: (_) @base type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
  (scoped_type_identifier name: (type_identifier) @name)
]) @extends
(struct_item body: (field_declaration_list (field_declaration name: (_) @name type: (_) @type) @definition.field))
(union_item body: (field_declaration_list (field_declaration name: (_) @name type: (_) @type) @definition.field))
(enum_variant name: (_) @name) @definition.constant
(function_item name: (_) @name return_type: (_)? @type body: (_) @body) @definition.function
(function_signature_item name: (_) @name return_type: (_)? @type) @definition.function
(impl_item
  type: (_) @owner body: (declaration_list (function_item name: (_) @name) @definition.method))
(impl_item
  type: (_) @owner body: (declaration_list (const_item name: (_) @name) @definition.constant))
(impl_item
  type: (_) @owner body: (declaration_list (type_item name: (_) @name) @definition.type))
(type_item name: (_) @name type: (_) @type) @definition.type
(associated_type name: (_) @name) @definition.type
(const_item name: (_) @name type: (_) @type) @definition.constant
(static_item name: (_) @name type: (_) @type) @definition.variable
(macro_definition name: (_) @name) @definition.macro
(mod_item name: (_) @name body: (_) @body) @definition.module
(attribute_item) @above

(use_declaration argument: (_) @paths) @import
(extern_crate_declaration name: (_) @module alias: (_)? @alias) @import
(mod_item name: (_) @module !body) @import

(parameter pattern: (identifier) @variable type: (_) @type)
(let_declaration pattern: (identifier) @variable type: (_) @type)
(let_declaration pattern: (identifier) @variable value: [
  (call_expression function: (_) @type)
  (struct_expression name: (_) @type)
  (try_expression (call_expression function: (_) @type))
  (await_expression (call_expression function: (_) @type))
  (try_expression (await_expression (call_expression function: (_) @type)))
])
