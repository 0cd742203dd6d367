; What a file offers to others; the contract of the captures is in lsp_server/context/symbols.py.

(function_definition name: (_) @name body: (_) @body) @definition.function
(variable_assignment name: (variable_name) @name) @definition.variable
(declaration_command (variable_assignment name: (variable_name) @name)) @whole

(command name: (command_name) @importer @all . argument: (_) @module) @import
