"""Dataset tools: checks, conversion, new datasets, pictures of samples."""
