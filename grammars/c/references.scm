; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call_expression function: (identifier) @call)
(call_expression function: (field_expression argument: (_) @receiver field: (_) @call))
(field_expression argument: (_) @receiver field: (_) @member)
(type_identifier) @type
(struct_specifier name: (_) @defined body: (_))
(union_specifier name: (_) @defined body: (_))
(enum_specifier name: (_) @defined body: (_))
(type_definition declarator: (type_identifier) @defined)
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
