"""Evaluation: ``functional`` is arithmetic on arrays, ``metrics`` adapts it to the runner."""
