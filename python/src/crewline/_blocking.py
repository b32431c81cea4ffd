"""The blocking face: calls return when what they ask for is stored."""

from __future__ import annotations

import inspect
import os
from typing import Any, Iterable, List, Optional, Union

from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage
from reactivex.subject import Subject

from ._errors import _required
from ._events import Parked, PayloadFired, ReceivedMessage, Sent
from ._feed import Feed, Steps
from ._handle import Handle, OnPayload, checked_name, opened
from ._native import Core, Person as _NativePerson

Path = Union[str, "os.PathLike[str]"]


class _Blocking(Handle):
    def run(self, feed: Feed, steps: Steps) -> Any:
        try:
            result = next(steps)
            while True:
                result.close()
                result = steps.throw(TypeError("onPayload is a coroutine function: use crewline.aio"))
        except StopIteration as done:
            return done.value

    def must_wait(self, result: Any) -> bool:
        return inspect.iscoroutine(result)


class Person:
    """A person, to act as, where the engine is in this process: by whatever way your process reaches them."""

    def __init__(self, native: _NativePerson) -> None:
        self._native = native

    def reply(self, chatId: str, message: str, priority: int = 2, replyTo: Optional[str] = None) -> Sent:
        """Replies into a chat, having read everything in it but emergencies."""
        return Sent._of(self._native.reply(chatId, message, priority, replyTo))

    def received(self, after: int = 0) -> List[ReceivedMessage]:
        """The messages in the person's log after the event `after`, at most 1,000; waits until there is an event."""
        return [ReceivedMessage._of(raw) for raw in self._native.received(after)]

    def delivered(self, messageId: str) -> None:
        """A device of the person has the message."""
        self._native.delivered(messageId)

    def read(self, messageId: str) -> None:
        """The person has read the message."""
        self._native.read(messageId)

    def acknowledge(self, messageId: str) -> None:
        """The person has pressed the button."""
        self._native.acknowledge(messageId)


class ChatApi(ChatApiABC):
    """The chat API, blocking: :func:`crewline.connect` and :func:`crewline.open` return it.

    It may be used from many threads at once. Observers run in a thread of each external; they may call it, too. As a context
    manager it is closed at the end of the block.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def sendMessage(self, newMessage: NewMessage) -> None:
        """Sends a message, and returns when it is stored durably.

        A retry after an answer that was lost is never a second message: each message has an idempotency key of its own.

        :raises CrewlineError: Where it is refused; nothing was sent then.
        :raises Unavailable: Where no answer came for as long as ``patience=`` says.
        """
        self._handle.core.send_only(newMessage)
        self._handle.acts_as(newMessage.fromExtUserId)

    def send(self, newMessage: NewMessage, idempotencyKey: Optional[str] = None) -> Sent:
        """Sends a message as :meth:`sendMessage`, and returns what was sent.

        :param idempotencyKey: What makes a retry the same message, also one by another process after a crash: 1 to 255
            bytes. Left out, one is made by chance.
        """
        sent = Sent._of(self._handle.core.send(newMessage, idempotencyKey))
        self._handle.acts_as(newMessage.fromExtUserId)
        return sent

    def createChat(self, fromExtUserId: str, toUserIds: List[str]) -> None:
        """Makes the chat of these people without a message, or finds it. Nobody is alerted."""
        _required(fromExtUserId, "fromExtUserId")
        _required(toUserIds, "toUserIds")
        self._handle.core.create_chat(fromExtUserId, toUserIds)
        self._handle.acts_as(fromExtUserId)

    def receiveMessages(self, toExtUserId: str) -> "Subject[ReceivedMessage]":
        """The messages to an external: the same Subject for the same id.

        What came while nobody observed, or while the process was down, comes first, in order. An observer that raises is
        tried three times; then the event is parked (:meth:`parked`), and the others are not held up by it.
        """
        return self._handle.messages(toExtUserId)

    def receivePayloads(self, fromExtUserId: str) -> "Subject[PayloadFired]":
        """The payloads that come back to an external: the same Subject for the same id, durable as that of the messages."""
        return self._handle.payloads(fromExtUserId)

    def parked(self) -> List[Parked]:
        """Events that an observer could not take in three tries, the oldest first; the last 1,000."""
        return self._handle.parked()

    def person(self, userId: str) -> Person:
        """A person to act as. For :func:`crewline.open` alone: with a server people sign in by themselves."""
        return Person(self._handle.core.person(userId))

    def close(self) -> None:
        """Returns when what observers have handled is confirmed, and all threads have ended.

        From within an observer it returns at once; the rest is done when that observer has returned.
        """
        self._handle.end()

    def __enter__(self) -> "ChatApi":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def connect(
    url: str,
    *,
    token: str,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
    patience: Optional[float] = 30.0,
    caFile: Optional[Path] = None,
) -> ChatApi:
    """The chat API of a server. Nothing is connected yet: the server may be away.

    :param url: Where it is, such as ``https://crewline.example``.
    :param token: A token for the externals that act; ``crewline token create --external ID`` prints one.
    :param consumer: Names the cursors that remember what was handled. Two programs that both want every message have
        different names.
    :param onPayload: Called with each payload that comes back, and with its :class:`PayloadFired`: for the external of the
        token, where it names one, for `externals`, and for each external that acts by this object.
    :param externals: Ids whose payloads `onPayload` gets from the start.
    :param patience: Seconds that a call tries to reach the server, and waits for its answer; then it raises
        :class:`Unavailable`. 0: one try. None: for ever. Observers wait for as long as it takes.
    :param caFile: Certificates (PEM) to trust beside those that this machine trusts.
    """
    core = Core.connect(url, token, caFile, patience)
    handle = _Blocking(core, checked_name(consumer), onPayload, externals)
    handle.ask_who()
    return ChatApi(handle)


def open(
    path: Path,
    *,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
) -> ChatApi:
    """The chat API with the engine in this process: one file, and nothing else to run. It belongs to this process until it
    is closed.

    :param path: The store; it is made where there is none.
    :param consumer: As in :func:`connect`.
    :param onPayload: As in :func:`connect`; for each external that has payloads waiting, for each that acts by this object, and
        for `externals`.
    :param externals: As in :func:`connect`.
    """
    handle = _Blocking(opened(path), checked_name(consumer), onPayload, externals)
    handle.embedded = True
    return ChatApi(handle)
