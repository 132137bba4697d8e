"""What needs torch; never imported by the tabular core at module level."""
