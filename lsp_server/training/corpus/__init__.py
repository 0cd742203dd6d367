"""The source text that a model is trained on: fetched by name, filtered, split, and accounted for."""
