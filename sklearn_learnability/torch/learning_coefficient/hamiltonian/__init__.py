"""The learning coefficient by exact chains on all rows."""
