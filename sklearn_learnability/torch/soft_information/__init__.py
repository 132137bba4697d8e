"""Soft entropy of vectors, and its information about labels."""
