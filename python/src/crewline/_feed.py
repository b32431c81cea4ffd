"""One log, from its cursor to its observers: a thread that waits without the interpreter's lock, and hands out what came.

The cursor moves when all observers have had their turn. Without an observer nothing is read.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Generator, List, Optional, Tuple

from reactivex.subject import Subject

from ._errors import CrewlineError
from ._events import Parked

if TYPE_CHECKING:
    from ._handle import Handle
    from ._native import Consumer

_log = logging.getLogger("crewline")

BATCH = 256
"""Events that are taken from the engine at once."""

SLICE = 64
"""Events that are handed out at once: an event loop does something else between two slices."""

RESTS = (0.1, 0.4)
"""Seconds before the second and the third try of an observer that raised."""

CONFIRM_EVERY = 0.2
"""Seconds: while one batch is worked through, what is done is confirmed so often."""

Target = Tuple[Any, Callable[[Any], Any]]
"""Who gets an event, and how."""

Failed = Tuple[Target, Any, BaseException]

Steps = Generator[Any, None, Tuple[int, List[Failed]]]
"""Hands out events; gives what a handler returned that must be waited for; in the end how many events were handed out,
and who failed at the last of them."""


class DurableSubject(Subject):  # type: ignore[type-arg]
    """The Subject of a feed. Subscribing starts the reading."""

    def __init__(self, feed: "Feed") -> None:
        super().__init__()
        self._feed = feed

    def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
        subscription = super()._subscribe_core(observer, scheduler)
        self._feed.wake()
        return subscription


class Feed:
    """A consumer of one external, for messages or for payloads."""

    def __init__(
        self,
        handle: "Handle",
        external: str,
        consumer: "Consumer",
        read: Callable[[Any], Any],
        handler: Optional[Callable[[Any], Any]] = None,
    ) -> None:
        self.subject = DurableSubject(self)
        self.external = external
        self._handle = handle
        self._consumer = consumer
        self._read = read
        self._handler: Optional[Target] = None
        self._stopping = False
        self._thread: Optional[threading.Thread] = None
        self._changed = threading.Condition()
        self.then: Optional[Callable[[], None]] = None
        if handler is not None:
            self._handler = (self._handle.onPayload, handler)

    def wake(self) -> None:
        """There is an observer: reads, from now on."""
        self._handle.check()
        with self._changed:
            if self._stopping:
                return
            if self._thread is None:
                # A daemon, since nobody waits for it at the end of the interpreter: it is stopped and joined then.
                self._thread = threading.Thread(target=self._run, name="crewline-feed", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """Asks for an end: after the event that is being handed out."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._consumer.stop()

    def is_mine(self) -> bool:
        """Whether the caller is an observer of this feed."""
        return self._thread is threading.current_thread() or self._handle.is_delivering(self)

    def finish(self, timeout: Optional[float]) -> None:
        """Waits for the end."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        else:
            self._consumer.finish()

    def forget_threads(self) -> None:
        """After a fork: the thread is the parent's, and whatever lock it held stays held."""
        self._stopping = True
        self._thread = None
        self._changed = threading.Condition()

    def _targets(self) -> List[Target]:
        targets: List[Target] = [(observer, observer.on_next) for observer in list(self.subject.observers)]
        if self._handler is not None:
            targets.insert(0, self._handler)
        return targets

    def _run(self) -> None:
        try:
            while self._wait_for_observers():
                taken = self._take()
                if taken is None:
                    break
                self._work(*taken)
        except Exception:
            _log.exception("the feed of %r has ended by a fault", self.external)
        finally:
            self._end()

    def _end(self) -> None:
        try:
            self._consumer.finish()
        except CrewlineError as error:
            _log.warning("%r: what was handled last could not be confirmed, and will come again: %s", self.external, error)
        if self.then is not None:
            self.then()

    def _wait_for_observers(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or bool(self._targets()))
            return not self._stopping

    def _take(self) -> Optional[Tuple[List[Any], int]]:
        pause = 0.5
        while True:
            try:
                return self._consumer.next(BATCH)
            except CrewlineError as error:
                _log.warning("%r cannot be read, trying again in %.1f s: %s", self.external, pause, error)
                if self._consumer.rest(pause):
                    return None
                pause = min(2 * pause, 60.0)

    def _work(self, raws: List[Any], upto: int) -> None:
        """Hands a batch out, and confirms it."""
        at, confirmed_at = 0, time.monotonic()
        while at < len(raws):
            if not self._wait_for_observers():
                return
            events = [self._read(raw) for raw in raws[at : at + SLICE]]
            done, failed = self._handle.run(self, self._hand_out(events))
            if failed and not self._again(failed):
                # It was stopped before everyone had three tries: the event comes again.
                done -= 1
            at += done
            short = done < len(events) or time.monotonic() - confirmed_at >= CONFIRM_EVERY
            if done and at < len(raws) and (short or self._stopping):
                self._confirm(raws[at - 1][0])
                confirmed_at = time.monotonic()
        self._confirm(upto)

    def _confirm(self, seq: int) -> None:
        while True:
            try:
                self._consumer.confirm(seq)
                return
            except CrewlineError as error:
                _log.warning("%r cannot be confirmed up to %d: %s", self.external, seq, error)
                if self._consumer.rest(1.0):
                    return

    def _hand_out(self, events: List[Any]) -> Steps:
        """Each event to each observer, until one fails, or nobody observes any more."""
        done = 0
        for event in events:
            targets = self._targets()
            if not targets or self._stopping:
                break
            failed: List[Failed] = []
            for target in targets:
                yield from self._one(target, event, failed)
            done += 1
            if failed:
                return done, failed
        return done, []

    def _one(self, target: Target, event: Any, failed: List[Failed]) -> Generator[Any, None, None]:
        try:
            result = target[1](event)
            if result is not None and self._handle.must_wait(result):
                yield result
        except GeneratorExit:
            raise
        except BaseException as error:  # whatever an observer raises is its own, and harms nobody else
            failed.append((target, event, error))

    def _retry(self, failed: List[Failed]) -> Steps:
        still: List[Failed] = []
        for target, event, _ in failed:
            yield from self._one(target, event, still)
        return 0, still

    def _again(self, failed: List[Failed]) -> bool:
        """The second and third try of those who failed. Tells whether everyone had them."""
        ended = [one for one in failed if self._has_ended(one[0])]
        failed = [one for one in failed if not self._has_ended(one[0])]
        for rest in RESTS:
            if not failed:
                break
            if self._consumer.rest(rest):
                return False
            _, failed = self._handle.run(self, self._retry(failed))
        for target, event, error in ended + failed:
            self._park(target, event, error)
        return True

    def _has_ended(self, target: Target) -> bool:
        """A chain of operators may end itself by what was raised in it: it takes no second try."""
        return target is not self._handler and target[0] not in self.subject.observers

    def _park(self, target: Target, event: Any, error: BaseException) -> None:
        observer = getattr(target[0], "_on_next", target[0])
        _log.error("an observer of %r failed, the event is parked: %r", self.external, event_id(event), exc_info=error)
        self._handle.park(Parked(self.external, observer, event, error))


def event_id(event: Any) -> Any:
    """What may stand in a log of an event: no text, no payload."""
    return getattr(event, "messageId", None)
