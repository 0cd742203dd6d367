"""How the bundled model is made: corpus, tokenizer, packing, fitting, export, evaluation. Knows no editor."""
