"""Launcher, made real."""
