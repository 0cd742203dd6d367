"""Typing replayed in real time: what people wait for, what it costs, what it saves them.

A ``script`` says which keys are pressed, a ``typist`` when; the ``player`` presses them into a ``subject`` and looks at
the ``screen``; ``figures`` counts what was seen, ``table`` and ``page`` show it.
"""
