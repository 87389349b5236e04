"""Tests; a package, because other distributions install one of this name too."""
