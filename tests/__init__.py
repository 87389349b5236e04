"""Tests; a package, so that `tests` of an installed distribution is never taken for it."""
