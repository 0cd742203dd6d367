; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call_expression function: (identifier) @call)
(call_expression function: (selector_expression operand: (_) @receiver field: (_) @call))
(selector_expression operand: (_) @receiver field: (_) @member)
(type_identifier) @type
(qualified_type package: (_) @receiver name: (type_identifier) @type)
(field_declaration !name type: (type_identifier) @base)
(type_elem . (type_identifier) @base)
(type_spec name: (type_identifier) @defined)
(type_alias name: (type_identifier) @defined)
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
