"""Calls of an event loop: each has a ticket; answers are fetched when the pipe of the core is readable."""

from __future__ import annotations

import itertools
import threading
from typing import Any, Callable, Dict

from ._native import Core

Answer = Callable[[bool, Any], None]
"""Takes whether it went well, and what was sent or the exception."""


class Calls:
    """The calls under way of one handle."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tickets = itertools.count(1)
        self._waiting: Dict[int, Answer] = {}
        self._lock = threading.Lock()

    def begin(self, call: Callable[..., None], answer: Answer, *arguments: Any) -> None:
        """Makes a call. It may raise at once; then `answer` is never called."""
        ticket = next(self._tickets)
        with self._lock:
            self._waiting[ticket] = answer
        try:
            call(ticket, *arguments)
        except BaseException:
            with self._lock:
                self._waiting.pop(ticket, None)
            raise

    def fetch(self) -> None:
        """Gives out the answers that have come."""
        for ticket, well, value in self._core.take():
            with self._lock:
                answer = self._waiting.pop(ticket, None)
            if answer is not None:
                answer(well, value)
