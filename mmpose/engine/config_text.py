"""Formats the text of a config once.

mmengine formats it anew for the log, each visualizer backend and each checkpoint; for a mixture of
datasets that is seconds every time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from mmengine.config import config as mmengine_config


def format_configs_once() -> None:
    """Makes mmengine remember the texts that it has formatted; further calls change nothing."""
    if not hasattr(mmengine_config.FormatCode, '__wrapped__'):
        mmengine_config.FormatCode = _remembering(mmengine_config.FormatCode)


def _remembering(format_code: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[tuple[str, str], Any] = {}

    @wraps(format_code)
    def format_once(code: str, style_config: Any = None, verify: bool | None = None) -> Any:
        key = (code, repr((style_config, verify)))
        if key not in known:
            known.clear()  # a process has one config, which changes a few times at the start
            options = {} if verify is None else {'verify': verify}
            known[key] = format_code(code, style_config=style_config, **options)
        return known[key]

    return format_once
