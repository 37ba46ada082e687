"""What kstate is compared with: each file is a program of its own that does the same work with bare calls."""
