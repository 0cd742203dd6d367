; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(method_invocation !object name: (_) @call)
(method_invocation object: (_) @receiver name: (_) @call)
(object_creation_expression type: (type_identifier) @call)
(field_access object: (_) @receiver field: (_) @member)
(method_reference (_) @receiver (identifier) @member .)
(type_identifier) @type
(scoped_type_identifier (_) @receiver (type_identifier) @type .)
(superclass (type_identifier) @base)
(super_interfaces (type_list (type_identifier) @base))
(extends_interfaces (type_list (type_identifier) @base))
(marker_annotation name: (identifier) @type)
(annotation name: (identifier) @type)
(type_parameter (type_identifier) @defined)
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
