; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(function_declaration name: (identifier) @name parameters: (_) @head) @definition.function
(function_declaration name: [
  (dot_index_expression table: (_) @owner field: (_) @name)
  (method_index_expression table: (_) @owner method: (_) @name)
] parameters: (_) @head) @definition.method
(assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @owner field: (_) @name))
  (expression_list . value: (function_definition parameters: (_) @head))) @definition.method
(chunk (assignment_statement
  (variable_list name: (dot_index_expression table: (_) @owner field: (_) @name))) @definition.field)
(assignment_statement (variable_list
  name: (dot_index_expression table: (identifier) @receiver field: (_) @name))) @definition.field
(assignment_statement
  (variable_list . name: (dot_index_expression table: (identifier) @receiver field: (_) @name))
  (expression_list . value: (function_call name: (_) @type))) @definition.field

(chunk (variable_declaration (assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition parameters: (_) @head)))) @definition.function)
(chunk (variable_declaration (assignment_statement
  (variable_list name: (identifier) @name))) @definition.variable)
(chunk (assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_definition parameters: (_) @head))) @definition.function)
(chunk (assignment_statement (variable_list name: (identifier) @name)) @definition.variable)
(assignment_statement
  (variable_list . name: (identifier) @name)
  (expression_list . value: (function_call
    name: (identifier) @definer
    arguments: (arguments (table_constructor (field name: (identifier) value: (identifier) @base)))))) @extends

; The members of a table that a name is given to, or that the module is.
(assignment_statement
  (variable_list . name: (identifier) @owner)
  (expression_list . value: (table_constructor
    (field name: (identifier) @name value: (function_definition parameters: (_) @head)) @definition.method)))
(assignment_statement
  (variable_list . name: (identifier) @owner)
  (expression_list . value: (table_constructor (field name: (identifier) @name) @definition.field)))
(chunk (return_statement (expression_list (table_constructor
  (field name: (identifier) @name value: (function_definition parameters: (_) @head)) @definition.function))))

(assignment_statement
  (variable_list . name: (identifier) @alias)
  (expression_list . value: (function_call
    name: (identifier) @importer arguments: (arguments . (string content: (_) @module))))) @import
(assignment_statement
  (variable_list . name: (identifier) @alias)
  (expression_list . value: (dot_index_expression
    table: (function_call
      name: (identifier) @importer arguments: (arguments . (string content: (_) @module)))
    field: (_) @name))) @import
(chunk (function_call
  name: (identifier) @importer arguments: (arguments . (string content: (_) @module))) @import)

(assignment_statement
  (variable_list . name: (identifier) @variable)
  (expression_list . value: (function_call name: (_) @type)))
