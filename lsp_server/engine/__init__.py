"""Evaluating tokens, in a process of its own.

``client`` runs in the server, ``worker`` in the other process; they share ``messages`` and nothing else.
"""
