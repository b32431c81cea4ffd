"""The server killed while Python sends, observes and gets payloads: nothing is lost, and nothing comes twice without the same id.

`CREWLINE_KILL_ROUNDS` says how often; 6 times, if it is not there.
"""

from __future__ import annotations

import collections
import itertools
import os
import pathlib
import random
import threading
import time
import urllib.error
from typing import Any, Callable

import crewline
from conftest import message
from server import Person, Server

ROUNDS = int(os.environ.get("CREWLINE_KILL_ROUNDS", "6"))
SENDERS = 3


def until(done: Callable[[], bool], what: Callable[[], Any]) -> None:
    """Waits for the thing itself, up to a minute."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, what()
        threading.Event().wait(0.02)


def stubbornly(call: Callable[[], Any], stop: threading.Event) -> Any:
    """A device's way: what was not answered is said again, the same as before."""
    while True:
        try:
            return call()
        except (urllib.error.URLError, ConnectionError, TimeoutError, OSError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                raise
            if stop.wait(0.05):
                return None


class Crew(threading.Thread):
    """Alice: reads each message, and replies to some; she says again what was not answered."""

    def __init__(self, alice: Person, stop: threading.Event) -> None:
        super().__init__()
        self.alice, self.halt = alice, stop
        self.seen: dict[str, str] = {}
        self.replied: list[str] = []
        self.fault: Any = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.fault = error

    def _work(self) -> None:
        after = 0
        while not self.halt.is_set():
            path = f"/participants/me/events?after={after}&limit=200&wait=1"
            page = stubbornly(lambda: self.alice.call("GET", path), self.halt)
            if page is None:
                return
            new = [one["data"] for one in page["events"] if one["type"] == "message.received"]
            if new:
                ids = [one["messageId"] for one in new]
                if stubbornly(lambda: self.alice.say("read", *ids), self.halt) is None:
                    return
                text = f"reply {after}"
                reply = lambda: self.alice.reply(new[-1]["chatId"], text, key=text)  # noqa: E731
                if stubbornly(reply, self.halt) is None:
                    return
                self.replied.append(text)
                self.seen.update((one["messageId"], one["message"]) for one in new)
            after = page["next"]


def test_nothing_is_lost_and_nothing_comes_twice_when_the_server_is_killed(server: Server) -> None:
    alice, token = server.person("alice"), server.token("scada")
    stop, quiet = threading.Event(), threading.Event()
    sent: dict[str, crewline.Sent] = {}
    payloads: list[crewline.PayloadFired] = []
    received: list[Any] = []
    faults: list[BaseException] = []
    chance = random.Random(7)

    def send(api: crewline.ChatApi, number: int) -> None:
        try:
            for turn in itertools.count():
                if quiet.is_set():
                    return
                text = f"{number}.{turn}"
                sent[text] = api.send(message(text, onDeliveredPayload=f"d{text}".encode(), onReadPayload=f"r{text}".encode()))
        except BaseException as error:
            faults.append(error)

    with crewline.connect(
        server.url, token=token, patience=60, onPayload=lambda payload, fired: payloads.append(fired)
    ) as api:
        api.receiveMessages("scada").subscribe(received.append)
        crew = Crew(alice, stop)
        crew.start()
        senders = [threading.Thread(target=send, args=(api, number)) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        try:
            for _ in range(ROUNDS):
                before = len(sent), len(payloads), len(received)
                until(lambda: len(sent) > before[0] + 20 and len(payloads) > before[1], lambda: (before, len(sent), len(payloads), faults, crew.fault))
                threading.Event().wait(chance.random() / 10)
                server.kill()
                server.start()
        finally:
            quiet.set()
            for sender in senders:
                sender.join(60)
        try:
            until(
                lambda: len(crew.seen) >= len(sent) and len({one.messageId for one in received}) >= len(crew.replied)
                and len({(one.messageId, one.kind) for one in payloads}) >= 2 * len(sent),
                lambda: (len(sent), len(crew.seen), len(crew.replied), len(received), len(payloads), crew.fault),
            )
        finally:
            stop.set()
            crew.join(30)
    assert faults == [] and crew.fault is None
    stored = alice.received()
    assert sorted(one["message"] for one in stored) == sorted(sent), "each message that was answered is there, once"
    assert {one["messageId"]: one["message"] for one in stored} == {one.messageId: text for text, one in sent.items()}
    expected = sorted(payload for text in sent for payload in (f"d{text}".encode(), f"r{text}".encode()))
    by_id = {(one.messageId, one.kind): one for one in payloads}
    assert sorted(one.payload for one in by_id.values()) == expected, "each payload came back"
    assert len({one.payload for one in payloads}) == len(by_id), "and again only under the same id"
    replies = {one.messageId: one.message for one in received}
    assert sorted(replies.values()) == sorted(crew.replied), "each reply came, and again only under the same id"
    again = collections.Counter(one.messageId for one in received)
    print(f"{ROUNDS} rounds, {len(sent)} messages, {len(payloads)} payloads, {len(received)} replies, {len(received) - len(again)} of them again")
