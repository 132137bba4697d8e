"""How complex the solution is that a network found."""
