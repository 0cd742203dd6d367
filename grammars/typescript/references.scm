; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call_expression function: (identifier) @call)
(call_expression function: (member_expression object: (_) @receiver property: (property_identifier) @call))
(new_expression constructor: (identifier) @call)
(new_expression constructor: (member_expression object: (_) @receiver property: (property_identifier) @call))
(member_expression object: (_) @receiver property: (property_identifier) @member)
(extends_clause value: (identifier) @base)
(implements_clause (type_identifier) @base)
(extends_type_clause (type_identifier) @base)
(type_identifier) @type
(nested_type_identifier module: (_) @receiver name: (type_identifier) @type)
(class_declaration name: (type_identifier) @defined)
(abstract_class_declaration name: (type_identifier) @defined)
(interface_declaration name: (type_identifier) @defined)
(type_alias_declaration name: (type_identifier) @defined)
(type_parameter name: (type_identifier) @defined)
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
