"""The ceiling's network."""
