"""Keeps the hub's libraries off our terminal output."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

TALKATIVE = ("huggingface_hub", "datasets")


@contextmanager
def quiet() -> Iterator[None]:
    """Show neither progress bars nor log lines of the libraries; what matters they say in their errors."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [logger.level for logger in loggers]
    # A user who set the variable of the bars has decided, and the library warns of whoever disagrees.
    hide_bars = constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not are_progress_bars_disabled()
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    if hide_bars:
        disable_progress_bars()
    try:
        yield
    finally:
        if hide_bars:
            enable_progress_bars()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
