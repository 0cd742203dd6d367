"""The workspace's index: what each file defines, imports and mentions, in a process of its own.

``store`` answers questions, ``segment`` holds the columns that it asks, ``reading`` turns a file into what goes into
them, ``index`` is both over files and open texts, ``kept`` brings it over a restart, ``work`` and ``indexer`` are the
process, ``client`` is the server's end of it.
"""
