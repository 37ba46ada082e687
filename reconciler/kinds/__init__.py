"""One file a kind: what its documents mean, what can go wrong, and how it is read and written."""
