"""The editor's truth: open documents and files on disk. Knows nothing of prompts, engines or LSP types."""
