"""The only package that knows pygls and lsprotocol: decode, call the core, encode."""
