"""BlobStore, made real: files, memory."""
