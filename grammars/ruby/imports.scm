(program (call method: (identifier) @importer arguments: (argument_list . (string))) @import)
