"""How far a network can be compressed."""
