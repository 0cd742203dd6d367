; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(call !receiver method: (identifier) @call)
(call receiver: (_) @receiver method: (_) @call)
(scope_resolution scope: (_) @receiver name: (constant) @type)
(superclass (constant) @base)
(superclass (scope_resolution scope: (_) @receiver name: (constant) @base))
(constant) @type
(class name: (constant) @defined)
(module name: (constant) @defined)
(assignment left: (constant) @defined)
(ERROR (identifier) @name)
