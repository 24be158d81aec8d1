"""What runs inside a stream's process."""
