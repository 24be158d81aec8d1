"""Trackers as plugins: their options and how to build them."""
