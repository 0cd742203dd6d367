; Captures: see lsp_server/context/names.py.

[
  (method)
  (singleton_method)
  (class)
  (module)
  (do_block)
  (block)
  (lambda)
] @scope

(method_parameters (identifier) @name)
(block_parameters (identifier) @name)
(lambda_parameters (identifier) @name)
(optional_parameter name: (identifier) @name)
(keyword_parameter name: (identifier) @name)
(splat_parameter name: (identifier) @name)
(hash_splat_parameter name: (identifier) @name)
(block_parameter name: (identifier) @name)
(destructured_parameter (identifier) @name)

(assignment left: [(identifier) (constant)] @name)
(operator_assignment left: (identifier) @name)
(left_assignment_list (identifier) @name)
(for pattern: (identifier) @name)
(exception_variable (identifier) @name)

(assignment left: (instance_variable) @member)
(operator_assignment left: (instance_variable) @member)
