"""Configs: loading with overrides, checks, mixtures of datasets, published names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmpose.config.load import load_config, read_config

__all__ = ['load_config', 'read_config']


def __getattr__(name: str) -> Any:
    """Imports the loader, and torch with it, when it is asked for: overrides need neither."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from mmpose.config import load

    return getattr(load, name)
