"""The user's cache folder, for what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Returns the cache folder: ``$MMPOSE_CACHE``, or ``mmpose`` in the user's cache folder."""
    own = os.environ.get('MMPOSE_CACHE')
    if own:
        return Path(own)
    return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'mmpose'
