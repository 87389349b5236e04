"""The version of the package, and the folder of its configs and tools."""

from pathlib import Path

__version__ = '0.1.0'
_PACKAGE = Path(__file__).resolve().parent
# `configs` and `tools`: in an installation within the package, in a checkout beside it
PROJECT = _PACKAGE / '.mim' if (_PACKAGE / '.mim').is_dir() else _PACKAGE.parent
