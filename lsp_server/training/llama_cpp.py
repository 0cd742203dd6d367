"""Today's llama.cpp with its own tokenizer, which the product does not use: what its other users see of a model."""

import ctypes

from lsp_server.engine.backends import llama_cpp


class LlamaCpp(llama_cpp.LlamaCpp):
    """A GGUF model."""

    def tokenize(self, text: str) -> list[int]:
        """The ids that llama.cpp's own tokenizer makes of a text; special tokens' names are text."""
        data = text.encode()
        room = len(data) + 1  # no token spells less than a byte
        ids = (ctypes.c_int32 * room)()
        vocabulary = self._library.model_get_vocab(self._model)
        count = self._library.tokenize(vocabulary, data, len(data), ids, room, False, False)
        return ids[:count]
