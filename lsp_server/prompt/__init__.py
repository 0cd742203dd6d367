"""From context to the exact order of text and special tokens that a model family was trained on. Pure."""
