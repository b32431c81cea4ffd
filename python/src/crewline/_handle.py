"""What the three faces have in common: a handle on an engine, its feeds, and its end."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Tuple

from reactivex.subject import Subject

from ._errors import CrewlineError, Unavailable, _required
from ._events import Parked, PayloadFired, ReceivedMessage
from ._feed import Feed, Steps
from ._native import Core

_log = logging.getLogger("crewline")

PARKED_MAX = 1_000
"""Events that a handle keeps parked; the oldest are forgotten, and were logged."""

EXIT_TIMEOUT = 5.0
"""Seconds that an observer has at the end of the interpreter."""

OnPayload = Callable[[bytes, PayloadFired], Any]

_handles: "weakref.WeakSet[Handle]" = weakref.WeakSet()


_parents_engine = False
"""Whether the process that this one was forked from had an engine open."""


def opened(path: Any) -> Core:
    """The engine in this process. After a fork locks of the parent's engine may be held for ever: better told than found out."""
    if _parents_engine:
        raise CrewlineError(
            "forked",
            "The process that this one was forked from had an engine open, whose threads and locks are not here. Start "
            "processes by spawn (multiprocessing.get_context('spawn')), or open only behind the fork.",
        )
    return Core.open(path)


class Handle:
    """A handle: a core, and the feeds that read from it."""

    embedded = False
    """Whether the engine is in this process."""

    def __init__(self, core: Core, consumer: str, onPayload: Optional[OnPayload], externals: Iterable[str]) -> None:
        self._core = core
        self._consumer = consumer
        self.onPayload = onPayload
        self._feeds: Dict[Tuple[str, bool], Feed] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._parked: Deque[Parked] = deque(maxlen=PARKED_MAX)
        self._asking: Optional[threading.Thread] = None
        _handles.add(self)
        if isinstance(externals, str):
            raise TypeError("externals must be a list of str, not str")
        for external in externals:
            self._wants_payloads(external)
        if onPayload is not None:
            for external in core.waiting(self._name(payloads=True)):
                self._wants_payloads(external)

    # What the faces say differently.

    def run(self, feed: Feed, steps: Steps) -> Any:
        """Hands out events where observers run, and waits until that is done."""
        raise NotImplementedError

    def must_wait(self, result: Any) -> bool:
        """Whether a handler has returned something that must be waited for."""
        return False

    def is_delivering(self, feed: Feed) -> bool:
        """Whether the caller is an observer of this feed, in another thread than the feed's."""
        return False

    # What is the same for all.

    @property
    def core(self) -> Core:
        """The core, which checks by itself whether it can be used: an observer's calls go through while the handle is being
        closed."""
        return self._core

    def check(self) -> None:
        """Raises where the handle cannot be used any more."""
        if not self._core.is_at_home():
            raise CrewlineError(
                "forked",
                "This handle was made before a fork, and belongs to the parent: open or connect again in this process.",
            )
        if self._closing.is_set():
            raise CrewlineError("closed", "This handle was closed.")

    def messages(self, external: str) -> "Subject[ReceivedMessage]":
        """The Subject of the messages to an external."""
        _required(external, "toExtUserId")
        feed = self._feed(external, False, ReceivedMessage._of)
        self._wants_payloads(external)
        return feed.subject

    def payloads(self, external: str) -> "Subject[PayloadFired]":
        """The Subject of the payloads of an external."""
        _required(external, "fromExtUserId")
        return self._feed(external, True, PayloadFired._of).subject

    def acts_as(self, external: Any) -> None:
        """An external acts: what comes back to it is for the handler."""
        if self.onPayload is not None and (external, True) not in self._feeds:
            try:
                self._wants_payloads(external)
            except CrewlineError as error:
                # What was asked for is done, whatever comes back: a handle that is being closed gets it another time.
                _log.debug("%r: payloads are not read: %s", external, error)

    def ask_who(self) -> None:
        """Finds out whose payloads are for the handler, where the token names one external."""
        if self.onPayload is not None:
            self._asking = threading.Thread(target=self._ask, name="crewline-who", daemon=True)
            self._asking.start()

    def park(self, parked: Parked) -> None:
        self._parked.append(parked)

    def has_ended(self) -> bool:
        """Whether it was closed."""
        return self._closing.is_set()

    def parked(self) -> List[Parked]:
        """Events that an observer could not take in three tries, the oldest first; the last 1,000."""
        return list(self._parked)

    def end(self, timeout: Optional[float] = None) -> None:
        """Stops reading, waits until what was handled is confirmed, and ends all threads. From within an observer: returns
        at once, and the rest is done when that observer has returned."""
        if not self._core.is_at_home():
            return
        with self._lock:
            self._closing.set()
            feeds = list(self._feeds.values())
        for feed in feeds:
            feed.stop()
        mine = [feed for feed in feeds if feed.is_mine()]
        for feed in mine:
            # It closes itself behind the caller.
            feed.then = self._core.close
        for feed in feeds:
            if feed not in mine:
                try:
                    feed.finish(timeout)
                except CrewlineError as error:
                    _log.warning("%r: what was handled last could not be confirmed: %s", feed.external, error)
        if not mine:
            self._core.close()
            if self._asking is not None:
                self._asking.join(timeout)

    def end_behind(self) -> None:
        """Ends in a thread of its own: an observer that asks for it cannot be waited for."""
        self._closing.set()
        threading.Thread(target=self.end, name="crewline-work", daemon=True).start()

    def forked(self) -> None:
        """In a child by fork: no thread of the parent is here, and their locks are never let go."""
        self._lock = threading.RLock()
        for feed in self._feeds.values():
            feed.forget_threads()

    def _feed(self, external: str, payloads: bool, read: Callable[[Any], Any]) -> Feed:
        with self._lock:
            self.check()
            feed = self._feeds.get((external, payloads))
            if feed is None:
                consumer = self._core.consumer(external, self._name(payloads), payloads)
                handler = self.handle_payload if payloads and self.onPayload is not None else None
                feed = Feed(self, external, consumer, read, handler)
                self._feeds[(external, payloads)] = feed
            return feed

    def _name(self, payloads: bool) -> str:
        """The name of the cursors."""
        return f"{self._consumer}.{'payloads' if payloads else 'messages'}"

    def handle_payload(self, fired: PayloadFired) -> Any:
        if self.onPayload is not None:
            return self.onPayload(fired.payload, fired)
        return None

    def _wants_payloads(self, external: str) -> None:
        if self.onPayload is not None:
            self._feed(external, True, PayloadFired._of).wake()

    def _ask(self) -> None:
        pause = 1.0
        while not self._closing.is_set():
            try:
                me = self._core.me()
                if me is not None:
                    self._wants_payloads(me)
                return
            except Unavailable as error:
                _log.warning("the server does not say whose token it is, asking again in %.0f s: %s", pause, error)
            except CrewlineError as error:
                if error.code != "closed":
                    _log.error("the server does not say whose token it is: %s", error)
                return
            self._closing.wait(pause)
            pause = min(2 * pause, 60.0)


def parked() -> List[Parked]:
    """Events that an observer could not take in three tries, of all handles of this process."""
    return [one for handle in list(_handles) for one in handle.parked()]


def in_thread(work: Callable[[], Any], call: Callable[..., Any], answer: Callable[[bool, Any], None]) -> None:
    """Works in a thread of its own: the pools of event loops would keep theirs. It has ended when `answer` is called, by the
    event loop, which `call` puts it to."""

    def run() -> None:
        try:
            well, value = True, work()
        except BaseException as error:
            well, value = False, error
        call(ended, well, value)

    def ended(well: bool, value: Any) -> None:
        thread.join()
        answer(well, value)

    thread = threading.Thread(target=run, name="crewline-work", daemon=True)
    thread.start()


def checked_name(consumer: Any) -> str:
    """The name of a consumer: the part of its cursors' names that is chosen."""
    if not isinstance(consumer, str):
        raise TypeError(f"consumer must be str, not {type(consumer).__name__}")
    _required(consumer, "consumer")
    if len(consumer.encode("utf-8", "replace")) > 246:
        raise ValueError("consumer is too long: at most 246 bytes are allowed")
    return consumer


def _at_exit() -> None:
    for handle in list(_handles):
        try:
            handle.end(EXIT_TIMEOUT)
        except Exception:
            _log.exception("a handle could not be closed at the end of the process")


def _after_fork() -> None:
    global _parents_engine
    for handle in list(_handles):
        _parents_engine = _parents_engine or (handle.embedded and not handle.has_ended())
        handle.forked()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
