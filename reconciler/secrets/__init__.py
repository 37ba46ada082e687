"""One file a source of secrets."""
