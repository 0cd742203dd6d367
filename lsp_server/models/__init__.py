"""Model files: what is in the store, and whether a file is what it claims to be. Loads none of them."""
