"""Probe, made real."""
