"""One fill-in-the-middle family a file."""
