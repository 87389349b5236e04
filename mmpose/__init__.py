"""Top-down human, animal, hand and whole-body pose estimation with plain vision transformers."""

from mmpose.version import __version__

__all__ = ['__version__']
