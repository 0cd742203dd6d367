; How names are used around a cursor; the contract of the captures is in lsp_server/context/references.py.

(command name: (command_name (word) @call))
