"""Networks at hand: loading, rows, losses, flat parameters, names of checkpoints."""
