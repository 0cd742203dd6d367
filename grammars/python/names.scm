; @scope      holds the names inside it; its own name, if it has one, belongs to the scope around it
; @name       a name that the scope around it gets
; @attribute  receiver and name of an attribute that is assigned
; @receiver   what a method calls its object

[
  (function_definition)
  (class_definition)
  (lambda)
  (list_comprehension)
  (set_comprehension)
  (dictionary_comprehension)
  (generator_expression)
] @scope

(parameters (identifier) @name)
(lambda_parameters (identifier) @name)
(typed_parameter . (identifier) @name)
(default_parameter name: (identifier) @name)
(typed_default_parameter name: (identifier) @name)

(assignment left: (identifier) @name)
(named_expression name: (identifier) @name)
(for_statement left: (identifier) @name)
(for_in_clause left: (identifier) @name)
(as_pattern_target (identifier) @name)
(as_pattern_target [(tuple (identifier) @name) (list (identifier) @name)])
(pattern_list (identifier) @name)
(tuple_pattern (identifier) @name)
(list_pattern (identifier) @name)
(list_splat_pattern (identifier) @name)
(dictionary_splat_pattern (identifier) @name)
(case_pattern (dotted_name . (identifier) @name .))
(type_alias_statement . (type (identifier) @name))

(import_statement name: (dotted_name . (identifier) @name))
(import_from_statement name: (dotted_name . (identifier) @name .))
(aliased_import alias: (identifier) @name)

(assignment left: (attribute object: (identifier)) @attribute)
(class_definition body: (block (function_definition parameters: (parameters . (identifier) @receiver))))
(class_definition
  body: (block
    (decorated_definition
      definition: (function_definition parameters: (parameters . (identifier) @receiver)))))
