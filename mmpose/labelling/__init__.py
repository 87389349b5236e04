"""Labelling with a model: pseudo-labels for training, and which images to label next."""
