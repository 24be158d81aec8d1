"""Pictures as bytes: OpenCV, and plain NumPy files for tests."""
