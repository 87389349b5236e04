"""The version and commit of the package, and the folder of its configs and tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

__version__ = '0.1.0'
_PACKAGE = Path(__file__).resolve().parent
# `configs` and `tools`: in an installation within the package, in a checkout beside it
PROJECT = _PACKAGE / '.mim' if (_PACKAGE / '.mim').is_dir() else _PACKAGE.parent


def code_commit() -> str | None:
    """Returns the commit of this checkout; None for an installed package."""
    if not (PROJECT / '.git').exists() or shutil.which('git') is None:
        return None
    command = ['git', '-C', str(PROJECT), 'rev-parse', 'HEAD']
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
