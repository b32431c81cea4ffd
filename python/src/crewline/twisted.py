"""The chat API for Twisted: calls return a Deferred, and observers run in the reactor's thread.

Make the object in the reactor's thread.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Iterable, List, Optional

from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage
from reactivex.subject import Subject
from twisted.internet import defer
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer  # type: ignore[import-untyped, unused-ignore]

from ._blocking import Path
from ._calls import Calls
from ._errors import CrewlineError, _required
from ._events import Parked, PayloadFired, ReceivedMessage, Sent
from ._feed import Feed, Steps
from ._handle import Handle, OnPayload, checked_name, in_thread, opened
from ._native import Core

__all__ = ["ChatApi", "connect", "open"]


@implementer(IReadDescriptor)
class _Pipe:
    """What the reactor watches."""

    def __init__(self, core: Core, calls: Calls) -> None:
        self._fd = core.fileno()
        self._calls = calls

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        self._calls.fetch()

    def connectionLost(self, reason: Any) -> None:
        """The pipe is the core's, and ends with it."""

    def logPrefix(self) -> str:
        return "crewline"


class _Reactor(Handle):
    def __init__(self, reactor: Any, core: Core, consumer: str, onPayload: Any, externals: Iterable[str]) -> None:
        self.reactor = reactor
        self.calls = Calls(core)
        self.pipe = _Pipe(core, self.calls)
        reactor.addReader(self.pipe)
        super().__init__(core, consumer, onPayload, externals)

    def run(self, feed: Feed, steps: Steps) -> Any:
        done = threading.Event()
        outcome: List[Any] = []

        def start() -> None:
            driven = self._drive(steps)
            driven.addBoth(outcome.append)
            driven.addBoth(lambda _: done.set())

        self.reactor.callFromThread(start)
        while not done.wait(0.5):
            # A reactor that has ended runs nothing any more.
            if self._closing.is_set() and not self.reactor.running:
                raise CrewlineError("closed", "The reactor has ended.")
        if hasattr(outcome[0], "raiseException"):
            outcome[0].raiseException()
        return outcome[0]

    @defer.inlineCallbacks
    def _drive(self, steps: Steps) -> Any:
        try:
            result = next(steps)
            while True:
                try:
                    yield result
                except BaseException as error:
                    result = steps.throw(error)
                else:
                    result = next(steps)
        except StopIteration as done:
            return done.value

    def must_wait(self, result: Any) -> bool:
        return isinstance(result, defer.Deferred)

    def call(self, begin: Callable[..., None], read: Callable[[Any], Any], *arguments: Any) -> "defer.Deferred[Any]":
        """Makes a call; what it raises at once comes by the Deferred, too."""
        deferred: "defer.Deferred[Any]" = defer.Deferred()

        def answer(well: bool, value: Any) -> None:
            if well:
                deferred.callback(read(value))
            else:
                deferred.errback(value)

        try:
            self.calls.begin(begin, answer, *arguments)
        except Exception:
            return defer.fail()
        return deferred


class ChatApi(ChatApiABC):
    """The chat API for Twisted: :func:`connect` and :func:`open` return it."""

    def __init__(self, handle: _Reactor) -> None:
        self._handle = handle

    def sendMessage(self, newMessage: NewMessage) -> "defer.Deferred[None]":  # type: ignore[override]
        """Sends a message. The Deferred fires None when it is stored durably; all errors come by it."""
        return self._send(newMessage, None, lambda _: None)

    def send(self, newMessage: NewMessage, idempotencyKey: Optional[str] = None) -> "defer.Deferred[Sent]":
        """Sends a message. The Deferred fires what was sent."""
        return self._send(newMessage, idempotencyKey, Sent._of)

    def createChat(self, fromExtUserId: str, toUserIds: List[str]) -> "defer.Deferred[None]":  # type: ignore[override]
        """Makes the chat of these people without a message, or finds it. The Deferred fires None."""
        handle = self._handle
        try:
            _required(fromExtUserId, "fromExtUserId")
            _required(toUserIds, "toUserIds")
            begin = handle.core.begin_create_chat
        except Exception:
            return defer.fail()
        made = handle.call(begin, lambda _: None, fromExtUserId, toUserIds)
        return made.addCallback(lambda _: handle.acts_as(fromExtUserId))

    def receiveMessages(self, toExtUserId: str) -> "Subject[ReceivedMessage]":
        """The messages to an external, as :meth:`crewline.ChatApi.receiveMessages`. Observers run in the reactor's thread."""
        return self._handle.messages(toExtUserId)

    def receivePayloads(self, fromExtUserId: str) -> "Subject[PayloadFired]":
        """The payloads that come back to an external, in the reactor's thread."""
        return self._handle.payloads(fromExtUserId)

    def parked(self) -> List[Parked]:
        """Events that an observer could not take in three tries, the oldest first; the last 1,000."""
        return self._handle.parked()

    def close(self) -> "defer.Deferred[None]":
        """The Deferred fires None when what observers have handled is confirmed, and all threads have ended. An `onPayload`
        handler does not return this Deferred: it would wait for itself."""
        handle = self._handle
        handle.reactor.removeReader(handle.pipe)
        ended = _in_thread(handle.reactor, handle.end)
        return ended.addCallback(lambda _: handle.calls.fetch())

    def _send(self, newMessage: NewMessage, key: Optional[str], read: Callable[[Any], Any]) -> "defer.Deferred[Any]":
        handle = self._handle
        try:
            begin = handle.core.begin_send
        except Exception:
            return defer.fail()

        def sent(value: Any) -> Any:
            handle.acts_as(newMessage.fromExtUserId)
            return value

        return handle.call(begin, read, newMessage, key).addCallback(sent)


def _in_thread(reactor: Any, work: Callable[[], None]) -> "defer.Deferred[None]":
    deferred: "defer.Deferred[None]" = defer.Deferred()

    def answer(well: bool, value: Any) -> None:
        deferred.callback(value) if well else deferred.errback(value)

    in_thread(work, reactor.callFromThread, answer)
    return deferred


def connect(
    url: str,
    *,
    token: str,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
    patience: Optional[float] = 30.0,
    caFile: Optional[Path] = None,
    reactor: Any = None,
) -> ChatApi:
    """The chat API of a server. The arguments are those of :func:`crewline.connect`; `onPayload` may return a Deferred.

    :param reactor: The reactor; the global one, if left out.
    """
    core = Core.connect(url, token, caFile, patience)
    handle = _Reactor(_reactor(reactor), core, checked_name(consumer), onPayload, externals)
    handle.ask_who()
    return ChatApi(handle)


def open(
    path: Path,
    *,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
    reactor: Any = None,
) -> ChatApi:
    """The chat API with the engine in this process. The arguments are those of :func:`crewline.open`; `onPayload` may return a
    Deferred.

    :param reactor: The reactor; the global one, if left out.
    """
    handle = _Reactor(_reactor(reactor), opened(path), checked_name(consumer), onPayload, externals)
    handle.embedded = True
    return ChatApi(handle)


def _reactor(given: Any) -> Any:
    if given is not None:
        return given
    from twisted.internet import reactor  # importing it installs it, which is the program's choice

    return reactor
