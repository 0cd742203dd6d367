"""The workspace's index: what each file defines, imports and mentions, in a process of its own.

``store`` answers questions, ``segment`` holds the columns that it asks, ``cutting`` and ``reading`` turn a file into
what goes into them, ``kept`` brings it over a restart, ``work`` and ``indexer`` are the process, ``client`` is the
server's end of it.
"""
