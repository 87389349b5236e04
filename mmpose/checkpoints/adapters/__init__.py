"""Checkpoint adapters: one file per foreign system, its parameter names to ours and back."""
