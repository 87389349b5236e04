"""Logging of servers: strangers cannot fill a log with tracebacks."""

from __future__ import annotations

import logging
import os

from mmpose.apis.cli import TRACEBACK_VARIABLE, one_sentence


class OneLine(logging.Filter):
    """Filter that turns the traceback of a record into its error's sentence.

    With ``MMPOSE_TRACEBACK=1`` in the environment the traceback stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shortens a record and lets it pass."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not os.environ.get(TRACEBACK_VARIABLE):
            reason = one_sentence(error).splitlines()[0]
            record.msg = f'{record.getMessage().strip()}: {type(error).__name__}: {reason}'
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


def without_tracebacks(name: str) -> logging.Logger:
    """Returns a logger whose records have one line each."""
    logger = logging.getLogger(name)
    if not any(isinstance(known, OneLine) for known in logger.filters):
        logger.addFilter(OneLine())
    return logger
