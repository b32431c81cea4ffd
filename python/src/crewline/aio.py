"""The chat API for asyncio: calls are awaited, and observers run in the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from typing import Any, Awaitable, Callable, Generator, Generic, Iterable, List, Optional, Type, TypeVar

from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage
from reactivex.subject import Subject

from ._blocking import Path
from ._calls import Calls
from ._errors import CrewlineError, _required
from ._events import Parked, PayloadFired, ReceivedMessage, Sent
from ._feed import Feed, Steps
from ._handle import Handle, OnPayload, checked_name, in_thread, opened
from ._native import Core

_T = TypeVar("_T")

__all__ = ["ChatApi", "connect", "open"]


class _Asyncio(Handle):
    def __init__(
        self, loop: asyncio.AbstractEventLoop, core: Core, consumer: str, onPayload: Any, externals: Iterable[str]
    ) -> None:
        self.loop = loop
        self.calls = Calls(core)
        self._tasks: "dict[Feed, Any]" = {}
        loop.add_reader(core.fileno(), self.calls.fetch)
        super().__init__(core, consumer, onPayload, externals)

    def run(self, feed: Feed, steps: Steps) -> Any:
        try:
            future = asyncio.run_coroutine_threadsafe(self._drive(feed, steps), self.loop)
        except RuntimeError as error:  # the loop is closed
            steps.close()
            raise CrewlineError("closed", "The event loop of this handle was closed.") from error
        while True:
            try:
                return future.result(0.5)
            except concurrent.futures.TimeoutError:
                # A loop that has ended runs nothing any more.
                if self._closing.is_set() and not self.loop.is_running():
                    future.cancel()
                    raise CrewlineError("closed", "The event loop of this handle has ended.") from None

    async def _drive(self, feed: Feed, steps: Steps) -> Any:
        self._tasks[feed] = asyncio.current_task()
        try:
            result = next(steps)
            while True:
                try:
                    await result
                except BaseException as error:
                    result = steps.throw(error)
                else:
                    result = next(steps)
        except StopIteration as done:
            return done.value
        finally:
            del self._tasks[feed]

    def must_wait(self, result: Any) -> bool:
        return inspect.isawaitable(result)

    def is_delivering(self, feed: Feed) -> bool:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # another thread than the loop's
            return False
        return task is not None and self._tasks.get(feed) is task

    def call(self, begin: Callable[..., None], read: Callable[[Any], _T], *arguments: Any) -> "asyncio.Future[_T]":
        """Makes a call, to be awaited."""
        future: "asyncio.Future[_T]" = self.loop.create_future()

        def answer(well: bool, value: Any) -> None:
            if future.done():  # it was cancelled
                return
            if well:
                future.set_result(read(value))
            else:
                future.set_exception(value)

        self.calls.begin(begin, answer, *arguments)
        return future


class ChatApi(ChatApiABC):
    """The chat API for asyncio: :func:`connect` and :func:`open` give it. Its calls are awaited in the event loop in which it
    was made; observers run there, too."""

    def __init__(self, handle: _Asyncio) -> None:
        self._handle = handle

    async def sendMessage(self, newMessage: NewMessage) -> None:  # type: ignore[override]
        """Sends a message, and returns when it is stored durably. See :meth:`crewline.ChatApi.sendMessage`."""
        await self.send(newMessage)

    async def send(self, newMessage: NewMessage, idempotencyKey: Optional[str] = None) -> Sent:
        """Sends a message, and returns what was sent. One that is cancelled may have been sent or not: send it again with the
        same `idempotencyKey` to find out."""
        handle = self._handle
        sent = await handle.call(handle.core.begin_send, Sent._of, newMessage, idempotencyKey)
        handle.acts_as(newMessage.fromExtUserId)
        return sent

    async def createChat(self, fromExtUserId: str, toUserIds: List[str]) -> None:  # type: ignore[override]
        """Makes the chat of these people without a message, or finds it. Nobody is alerted."""
        _required(fromExtUserId, "fromExtUserId")
        _required(toUserIds, "toUserIds")
        handle = self._handle
        await handle.call(handle.core.begin_create_chat, lambda _: None, fromExtUserId, toUserIds)
        handle.acts_as(fromExtUserId)

    def receiveMessages(self, toExtUserId: str) -> "Subject[ReceivedMessage]":
        """The messages to an external, as :meth:`crewline.ChatApi.receiveMessages`. Observers are plain functions, and run in the
        event loop."""
        return self._handle.messages(toExtUserId)

    def receivePayloads(self, fromExtUserId: str) -> "Subject[PayloadFired]":
        """The payloads that come back to an external, in the event loop."""
        return self._handle.payloads(fromExtUserId)

    def parked(self) -> List[Parked]:
        """Events that an observer could not take in three tries, the oldest first; the last 1,000."""
        return self._handle.parked()

    async def close(self) -> None:
        """Returns when what observers have handled is confirmed, and all threads have ended. Within an `onPayload` handler it
        returns at once; the rest is done when that handler has returned."""
        handle = self._handle
        handle.loop.remove_reader(handle._core.fileno())
        if any(feed.is_mine() for feed in list(handle._feeds.values())):
            handle.end_behind()
            return
        # The end waits for observers, which run in this loop.
        await _in_thread(handle.loop, handle.end)
        handle.calls.fetch()

    async def __aenter__(self) -> "ChatApi":
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


async def _in_thread(loop: asyncio.AbstractEventLoop, work: Callable[[], _T]) -> _T:
    future: "asyncio.Future[_T]" = loop.create_future()

    def settle(well: bool, value: Any) -> None:
        if not future.done():
            future.set_result(value) if well else future.set_exception(value)

    in_thread(work, loop.call_soon_threadsafe, settle)
    return await future


class _Opening(Generic[_T]):
    """What `await` and `async with` both take."""

    def __init__(self, make: Awaitable[ChatApi]) -> None:
        self._make = make
        self._api: Optional[ChatApi] = None

    def __await__(self) -> Generator[Any, None, ChatApi]:
        return self._make.__await__()

    async def __aenter__(self) -> ChatApi:
        self._api = await self._make
        return self._api

    async def __aexit__(self, kind: Optional[Type[BaseException]], *_: Any) -> None:
        if self._api is not None:
            await self._api.close()


def connect(
    url: str,
    *,
    token: str,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
    patience: Optional[float] = 30.0,
    caFile: Optional[Path] = None,
) -> "_Opening[ChatApi]":
    """The chat API of a server: ``api = await connect(…)``, or ``async with connect(…) as api``.

    The arguments are those of :func:`crewline.connect`; `onPayload` may be a coroutine function.
    """

    async def make() -> ChatApi:
        core = Core.connect(url, token, caFile, patience)
        name = checked_name(consumer)
        handle = _Asyncio(asyncio.get_running_loop(), core, name, onPayload, externals)
        handle.ask_who()
        return ChatApi(handle)

    return _Opening(make())


def open(
    path: Path,
    *,
    consumer: str = "default",
    onPayload: Optional[OnPayload] = None,
    externals: Iterable[str] = (),
) -> "_Opening[ChatApi]":
    """The chat API with the engine in this process: ``api = await open(…)``, or ``async with open(…) as api``.

    The arguments are those of :func:`crewline.open`; `onPayload` may be a coroutine function.
    """

    async def make() -> ChatApi:
        loop, name = asyncio.get_running_loop(), checked_name(consumer)
        core = await _in_thread(loop, lambda: opened(path))
        handle = _Asyncio(loop, core, name, onPayload, externals)
        handle.embedded = True
        return ChatApi(handle)

    return _Opening(make())
