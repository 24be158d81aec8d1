"""Ways to learn from a version."""
