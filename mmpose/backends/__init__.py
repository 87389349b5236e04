"""Backends: what runs a pose network, PyTorch or an exported file, and what a model is called."""
