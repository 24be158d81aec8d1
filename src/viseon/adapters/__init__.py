"""Ports made real, `<port>/<technology>`: this folder is the compatibility matrix."""
