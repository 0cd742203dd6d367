; How names are used around a cursor; see lsp_server/context/symbols.py.

(call function: (identifier) @call)
(call function: (attribute object: (_) @receiver attribute: (identifier) @member))
(attribute object: (_) @receiver attribute: (identifier) @member)
(type (identifier) @type)
(class_definition superclasses: (argument_list (identifier) @type))
