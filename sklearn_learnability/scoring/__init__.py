"""What a model extracts of it."""
