"""Twisted, with a real reactor: each test is a process of its own, since a reactor runs once."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

from server import Server, free_port

HERE = pathlib.Path(__file__).parent

BEGIN = """
import sys, threading
from twisted.internet import defer, reactor, task, threads
import crewline, crewline.twisted
from conftest import message
from peek_plugin_chat.server.ChatApiABC import ChatApiABC

HERE = threading.current_thread()

class Queue(defer.DeferredQueue):
    def __call__(self, *event):
        assert threading.current_thread() is HERE, "observers run in the reactor's thread"
        self.put(event[0] if len(event) == 1 else event)

@defer.inlineCallbacks
def main(reactor):
"""
END = """

def end(reactor):
    deferred = defer.ensureDeferred(run(reactor))
    return deferred.addTimeout(40, reactor)

async def run(reactor):
    await main(reactor)
    left = [one.name for one in threading.enumerate() if one.name.startswith("crewline")]
    assert left == [], left

task.react(end)
"""


def run(body: str, *arguments: Any) -> None:
    program = BEGIN + body.strip("\n") + END
    words = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(words, cwd=HERE, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


EMBEDDED = """
    payloads, heard = Queue(), Queue()
    api = crewline.twisted.open(sys.argv[1], onPayload=payloads)
    assert isinstance(api, ChatApiABC)
    created = api.createChat("scada", ["alice"])
    assert isinstance(created, defer.Deferred)
    assert (yield created) is None
    assert (yield api.sendMessage(message("one"))) is None
    sent = yield api.send(message("two", onReadPayload=b"read"))
    assert sent.position == 2
    api.receiveMessages("scada").subscribe(heard)
    alice = crewline.Person(api._handle.core.person("alice"))
    yield threads.deferToThread(alice.reply, sent.chatId, "On my way")
    assert (yield heard.get()).message == "On my way"
    payload, fired = yield payloads.get()
    assert (payload, fired.kind) == (b"read", "read")
    for wrong in (message(" "), None):
        try:
            yield api.sendMessage(wrong)
            assert False, "it is refused, by the Deferred"
        except (crewline.CrewlineError, TypeError):
            pass
    many = yield defer.gatherResults([api.send(message(str(n))) for n in range(100)])
    assert [one.position for one in many] == list(range(4, 104)), "in the order of the calls"
    assert (yield api.close()) is None
    try:
        yield api.sendMessage(message("closed"))
        assert False
    except crewline.CrewlineError as error:
        assert error.code == "closed"
"""


def test_calls_give_deferreds_and_observers_run_in_the_reactor(store: pathlib.Path) -> None:
    run(EMBEDDED, store)


RAISING = """
    tries, healthy = [], Queue()

    def fail(received):
        tries.append(received.message)
        if received.message == "one":
            raise ValueError("no")
        if received.message == "three":
            closed.append(api.close())

    closed = []

    def later(payload, fired):
        waited = defer.Deferred()
        reactor.callLater(0.05, waited.errback if payload == b"bad" else waited.callback, ValueError("late"))
        handled.append(payload)
        return waited

    handled = []
    api = crewline.twisted.open(sys.argv[1], onPayload=later)
    sent = yield api.send(message("x", onDeliveredPayload=b"bad", onReadPayload=b"good"))
    alice = crewline.Person(api._handle.core.person("alice"))
    subject = api.receiveMessages("scada")
    subject.subscribe(fail)
    subject.subscribe(healthy)
    for text in ("one", "two"):
        yield threads.deferToThread(alice.reply, sent.chatId, text)
        assert (yield healthy.get()).message == text
    assert tries == ["one", "one", "one", "two"], tries
    while b"good" not in handled:
        yield task.deferLater(reactor, 0.01)
    assert handled == [b"bad", b"bad", b"bad", b"good"], handled
    assert sorted(str(one.error) for one in api.parked()) == ["late", "no"]
    yield threads.deferToThread(alice.reply, sent.chatId, "three")
    while not closed:
        yield task.deferLater(reactor, 0.01)
    yield closed[0]
"""


def test_observers_that_raise_are_parked_and_one_may_close(store: pathlib.Path) -> None:
    run(RAISING, store)


REMOTE = """
    heard = Queue()
    api = crewline.twisted.connect(sys.argv[1], token=sys.argv[2])
    api.receiveMessages("scada").subscribe(heard)
    sent = yield defer.gatherResults([api.send(message(str(n))) for n in range(64)])
    assert sorted(one.position for one in sent) == list(range(1, 65))
    print(sent[0].chatId)
    yield api.sendMessage(message("to an external", "scada", sender="oms"))
    assert (yield heard.get()).message == "to an external"
    yield api.close()
    away = crewline.twisted.connect(sys.argv[3], token="t", patience=0.5)
    try:
        yield away.sendMessage(message("x"))
        assert False
    except crewline.Unavailable:
        pass
    yield away.close()
"""


def test_a_server_is_called_and_heard(server: Server) -> None:
    server.person("alice")
    run(REMOTE, server.url, server.token("scada", "oms"), f"http://127.0.0.1:{free_port()}")


FORGOTTEN = """
    api = crewline.twisted.open(sys.argv[1])
    api.receiveMessages("scada").subscribe(print)
    yield api.sendMessage(message("x"))
    reactor.callWhenRunning(lambda: None)
"""


def test_a_reactor_that_ends_without_close_does_not_hang(store: pathlib.Path) -> None:
    program = BEGIN + FORGOTTEN.strip("\n") + "\n\ntask.react(main)\n"
    words = [sys.executable, "-c", program, str(store)]
    done = subprocess.run(words, cwd=HERE, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
