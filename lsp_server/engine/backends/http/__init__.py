"""A team's server as an engine: it is given text and decodes on its own.

``address`` and ``token`` say where code may go and with which secret, ``connection`` carries bytes, ``events`` cuts
them into messages, ``layout`` makes a question of a request, the dialects (``llama_server``, ``openai``, ``ollama``)
know how it is asked, ``draft`` makes a completion of what is said, ``patience`` keeps keys from waiting for a server
that is down, ``engine`` puts them together. Nothing of this is imported unless the setting ``engine`` is ``http``; no
other package of Offhand imports a network library.
"""
