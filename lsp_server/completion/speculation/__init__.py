"""The answer before the question: what is computed while nobody asks.

``targets`` says which questions may come next, ``ahead`` holds what is known of them, ``working`` computes one after
the other while there is time. Whether there is time, and how much of it, is ``completion.manners``'.
"""
