"""The core: from a snapshot of the editor to a suggestion or a reason for none. Knows nothing of LSP types."""
