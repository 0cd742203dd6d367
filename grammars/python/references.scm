; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call function: (identifier) @call)
(call function: (attribute object: (_) @receiver attribute: (identifier) @call))
(attribute object: (_) @receiver attribute: (identifier) @member)
(decorator (identifier) @call)
(type (identifier) @type)
(type (generic_type . (identifier) @type))
(type (binary_operator (identifier) @type))
(except_clause (identifier) @type)
(class_definition superclasses: (argument_list (identifier) @base))
(class_definition superclasses: (argument_list (attribute object: (_) @receiver attribute: (identifier) @base)))
(ERROR (identifier) @name)
(ERROR (identifier) @call . "(")
