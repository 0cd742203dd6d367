(program (command name: (command_name (word) @importer)) @import)
