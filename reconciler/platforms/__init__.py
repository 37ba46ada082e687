"""One file a platform: how to log in, which wires it has, what it does its own way."""
