"""Where a stream's moments go."""
