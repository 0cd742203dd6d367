"""The copy memory: what followed in the user's own code the last time these tokens stood there.

For the tokens before the cursor it finds where the same tokens stand in what it remembers (``segment``, ``store``), and
what came next is mixed into the network's distribution, the longer the match the more (``mixture``). It costs no
training and knows the user's names. Everything here is about token ids, but for ``reader``, which reads files.
"""
