"""What can be learned from a data set."""
