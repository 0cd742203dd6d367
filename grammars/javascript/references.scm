; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call_expression function: (identifier) @call)
(call_expression function: (member_expression object: (_) @receiver property: (property_identifier) @call))
(new_expression constructor: (identifier) @call)
(new_expression constructor: (member_expression object: (_) @receiver property: (property_identifier) @call))
(member_expression object: (_) @receiver property: (property_identifier) @member)
(jsx_opening_element name: (identifier) @call)
(jsx_self_closing_element name: (identifier) @call)
(class_heritage (identifier) @base)
(class_heritage (member_expression object: (_) @receiver property: (property_identifier) @base))
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
