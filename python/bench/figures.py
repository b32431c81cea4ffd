"""One turn of what `make bench` measures in Python: sends, or hears, for a while; prints one line of JSON.

    figures.py send   (open PATH | URL TOKEN) (one | threads | tasks) SECONDS
    figures.py hear   (open PATH | URL SENDER'S,RECEIVER'S) MESSAGES

CPU is that of this process, all threads; with the engine in it, the engine's too.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any, Callable

import crewline
import crewline.aio
from peek_plugin_chat.server.ChatApiABC import NewMessage, NewMessageUser

IN_FLIGHT = 64
PEOPLE = 1_000
TEXT = (
    "Breaker 1204 at Ostwerk has tripped on overcurrent, feeder 7 is dead from pole 31 to the switching "
    "station. Please inspect the line from the west end, report what you see, and wait for the word to close."
)


def message(number: int, to: str = "") -> NewMessage:
    user = NewMessageUser(to or f"user-{1 + number % (PEOPLE - 1)}")
    return NewMessage("external-0", "SCADA", [user], TEXT)


class Turn:
    """From the first message to the last."""

    def __init__(self, seconds: float) -> None:
        self.begun, self.used = time.perf_counter(), time.process_time()
        self.end = self.begun + seconds
        self.count = 0

    def told(self) -> "dict[str, float]":
        seconds = time.perf_counter() - self.begun
        return {"messages": self.count, "seconds": seconds, "cpuSeconds": time.process_time() - self.used}


def one(make: Callable[[], crewline.ChatApi], seconds: float) -> Any:
    with make() as api:
        warm(api)
        turn = Turn(seconds)
        while time.perf_counter() < turn.end:
            api.sendMessage(message(turn.count))
            turn.count += 1
        return turn.told()


def warm(api: crewline.ChatApi) -> None:
    def some(first: int) -> None:
        for number in range(first, PEOPLE, 16):
            api.sendMessage(message(number))

    run([threading.Thread(target=some, args=(first,)) for first in range(16)])


def run(workers: "list[threading.Thread]") -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def threads(make: Callable[[], crewline.ChatApi], seconds: float) -> Any:
    with make() as api:
        warm(api)
        turn = Turn(seconds)
        counts = [0] * IN_FLIGHT

        def send(worker: int) -> None:
            number = worker
            while time.perf_counter() < turn.end:
                api.sendMessage(message(number))
                number += IN_FLIGHT
                counts[worker] += 1

        run([threading.Thread(target=send, args=(worker,)) for worker in range(IN_FLIGHT)])
        turn.count = sum(counts)
        return turn.told()


def tasks(make: Callable[[], Any], seconds: float) -> Any:
    async def main() -> Any:
        async with make() as api:

            async def some(first: int) -> None:
                for number in range(first, PEOPLE, IN_FLIGHT):
                    await api.sendMessage(message(number))

            await asyncio.gather(*(some(first) for first in range(IN_FLIGHT)))
            turn = Turn(seconds)

            async def send(number: int) -> None:
                while time.perf_counter() < turn.end:
                    await api.sendMessage(message(number))
                    number += IN_FLIGHT
                    turn.count += 1

            await asyncio.gather(*(send(number) for number in range(IN_FLIGHT)))
            return turn.told()

    return asyncio.run(main())


def hear(make: Callable[[], crewline.ChatApi], fill: Callable[[], Any], wanted: int) -> Any:
    async def before() -> None:
        async with fill() as api:

            async def some(first: int) -> None:
                for number in range(first, wanted, IN_FLIGHT):
                    await api.sendMessage(message(number, "external-1"))

            await asyncio.gather(*(some(first) for first in range(IN_FLIGHT)))

    asyncio.run(before())
    with make() as api:
        turn, all_there = Turn(0), threading.Event()
        seen: "set[str]" = set()

        def observe(received: Any) -> None:
            seen.add(received.messageId)
            turn.count += 1
            if turn.count == wanted:
                all_there.set()

        api.receiveMessages("external-1").subscribe(observe)
        if not all_there.wait(120):
            raise SystemExit(f"{turn.count} of {wanted} messages came")
        told = turn.told()
    if len(seen) != wanted or turn.count != wanted:
        raise SystemExit(f"{len(seen)} of {wanted} messages came, {turn.count} times")
    return told


def main() -> None:
    what, where, which, how = sys.argv[1:5]
    make: Any
    loop: Any
    if where == "open":
        make, loop = (lambda: crewline.open(which)), (lambda: crewline.aio.open(which))
    else:
        sender, _, receiver = which.partition(",")
        make = lambda: crewline.connect(where, token=receiver or sender)  # noqa: E731
        loop = lambda: crewline.aio.connect(where, token=sender)  # noqa: E731
    if what == "hear":
        told = hear(make, loop, int(how))
    else:
        ways: "dict[str, Any]" = {"one": one, "threads": threads}
        seconds = float(sys.argv[5])
        told = tasks(loop, seconds) if how == "tasks" else ways[how](make, seconds)
    print(json.dumps(told))


main()
