(chunk
  (variable_declaration
    (assignment_statement
      (expression_list value: (function_call name: (identifier) @importer arguments: (arguments (string)))))) @import)
(chunk (function_call name: (identifier) @importer arguments: (arguments (string))) @import)
