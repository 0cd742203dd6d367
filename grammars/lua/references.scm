; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(function_call name: (identifier) @call)
(function_call name: (dot_index_expression table: (_) @receiver field: (_) @call))
(function_call name: (method_index_expression table: (_) @receiver method: (_) @call))
(dot_index_expression table: (_) @receiver field: (_) @member)
(function_declaration name: (dot_index_expression field: (_) @defined))
(ERROR (identifier) @name)
