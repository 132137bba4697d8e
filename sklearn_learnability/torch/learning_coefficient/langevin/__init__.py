"""The learning coefficient by Langevin chains on batches."""
