"""What talks on a wire."""
