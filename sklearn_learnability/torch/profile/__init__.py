"""Everything about one network."""
