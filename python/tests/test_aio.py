"""asyncio."""

from __future__ import annotations

import asyncio
import pathlib
import threading
from typing import Any

import crewline
import crewline.aio
import pytest
from conftest import WAIT, message
from peek_plugin_chat.server.ChatApiABC import ChatApiABC
from server import Server, free_port


def test_calls_are_awaited_and_observers_run_in_the_loop(store: pathlib.Path) -> None:
    async def main() -> None:
        here = threading.current_thread()
        payloads: "asyncio.Queue[Any]" = asyncio.Queue()
        heard: "asyncio.Queue[Any]" = asyncio.Queue()

        async def on_payload(payload: bytes, fired: crewline.PayloadFired) -> None:
            await asyncio.sleep(0)
            payloads.put_nowait((payload, threading.current_thread()))

        async with crewline.aio.open(store, onPayload=on_payload) as api:
            assert isinstance(api, ChatApiABC)
            assert await api.createChat("scada", ["alice"]) is None
            assert await api.sendMessage(message("one")) is None
            sent = await api.send(message("two", onReadPayload=b"read"))
            assert sent.position == 2
            api.receiveMessages("scada").subscribe(lambda one: heard.put_nowait((one, threading.current_thread())))
            answering = await asyncio.gather(*(api.send(message(str(number))) for number in range(100)))
            assert sorted(one.position for one in answering) == list(range(3, 103))
            alice = crewline.Person(api._handle.core.person("alice"))
            await asyncio.get_running_loop().run_in_executor(None, alice.reply, sent.chatId, "On my way")
            received, thread = await asyncio.wait_for(heard.get(), WAIT)
            assert (received.message, thread) == ("On my way", here)
            assert await asyncio.wait_for(payloads.get(), WAIT) == (b"read", here)
            with pytest.raises(crewline.CrewlineError) as raised:
                await api.send(message(" "))
            assert raised.value.code == "invalid"
        with pytest.raises(crewline.CrewlineError):
            await api.sendMessage(message("closed"))

    asyncio.run(main())
    assert [one.name for one in threading.enumerate() if one.name.startswith("crewline")] == []


def test_a_handler_that_raises_is_tried_three_times_and_may_close(store: pathlib.Path) -> None:
    async def main() -> int:
        tries = 0
        closed = asyncio.Event()

        async def fail(payload: bytes, fired: crewline.PayloadFired) -> None:
            nonlocal tries
            if payload == b"close":
                await api.close()
                closed.set()
                return
            tries += 1
            raise ValueError("no")

        api = await crewline.aio.open(store, onPayload=fail)
        for payload in (b"one", b"close"):
            sent = await api.send(message("text", onDeliveredPayload=payload))
            alice = crewline.Person(api._handle.core.person("alice"))
            await asyncio.get_running_loop().run_in_executor(None, alice.delivered, sent.messageId)
        await asyncio.wait_for(closed.wait(), WAIT)
        assert [one.event.payload for one in api.parked()] == [b"one"]
        await api.close()
        return tries

    assert asyncio.run(main()) == 3


def test_a_server_is_called_by_many_tasks(server: Server) -> None:
    alice = server.person("alice")
    token = server.token("scada")

    async def main() -> list[crewline.Sent]:
        heard: "asyncio.Queue[str]" = asyncio.Queue()
        async with crewline.aio.connect(server.url, token=token) as api:
            api.receiveMessages("scada").subscribe(lambda one: heard.put_nowait(one.message))
            sent = await asyncio.gather(*(api.send(message(str(number))) for number in range(64)))
            reply = asyncio.get_running_loop().run_in_executor(None, alice.reply, sent[0].chatId, "On my way")
            await reply
            assert await asyncio.wait_for(heard.get(), WAIT) == "On my way"
        return sent

    sent = asyncio.run(main())
    assert sorted(one.position for one in sent) == list(range(1, 65))


def test_a_server_that_is_away_is_told_and_the_loop_goes_on() -> None:
    async def main() -> int:
        ticks = 0
        async with crewline.aio.connect(f"http://127.0.0.1:{free_port()}", token="t", patience=1) as api:
            sending = asyncio.ensure_future(api.sendMessage(message("x")))
            while not sending.done():
                await asyncio.sleep(0.001)
                ticks += 1
            with pytest.raises(crewline.Unavailable):
                await sending
        return ticks

    assert asyncio.run(main()) > 50


def test_a_call_that_is_cancelled_harms_no_other(store: pathlib.Path) -> None:
    async def main() -> None:
        async with crewline.aio.open(store) as api:
            sending = asyncio.ensure_future(api.send(message("cancelled"), "key"))
            await asyncio.sleep(0)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert (await api.send(message("cancelled"), "key")).position == 1

    asyncio.run(main())
