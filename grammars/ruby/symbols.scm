; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(module name: [(constant) @name (scope_resolution name: (_) @name)] @head) @definition.module
(class name: [(constant) @name (scope_resolution name: (_) @name)] @head) @definition.class
(class
  name: [(constant) @name (scope_resolution name: (_) @name)]
  superclass: (superclass (_) @base) @head) @definition.class
(class
  name: [(constant) @name (scope_resolution name: (_) @name)]
  body: (body_statement (call
    method: (identifier) @definer
    arguments: (argument_list [(constant) (scope_resolution)] @base)))) @extends
(method name: (_) @name @head) @definition.method
(method name: (_) @name parameters: (_) @head) @definition.method
(singleton_method name: (_) @name @head) @definition.method
(singleton_method name: (_) @name parameters: (_) @head) @definition.method
(singleton_method object: (constant) @owner name: (_) @name) @definition.method
(call
  method: (identifier) @definer arguments: (argument_list (simple_symbol) @name)) @definition.field
(assignment left: (constant) @name) @definition.constant
(assignment left: (constant) @name right: (call receiver: (constant) @type)) @definition.constant
(assignment left: [(instance_variable) (class_variable)] @name) @definition.field
(assignment
  left: [(instance_variable) (class_variable)] @name
  right: (call receiver: [(constant) (scope_resolution)] @type)) @definition.field
(operator_assignment left: [(instance_variable) (class_variable)] @name) @definition.field
(operator_assignment
  left: [(instance_variable) (class_variable)] @name
  right: (call receiver: [(constant) (scope_resolution)] @type)) @definition.field
(program (assignment left: (global_variable) @name) @definition.variable)

(call
  method: (identifier) @importer @all
  arguments: (argument_list . (string (string_content) @module))) @import

(assignment
  left: (identifier) @variable right: (call receiver: [(constant) (scope_resolution)] @type))
