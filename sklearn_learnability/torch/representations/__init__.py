"""What a network's hidden states keep."""
