"""Payloads that come back."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import crewline
from conftest import Heard, message
from server import Server


def test_payloads_come_to_the_handler_and_to_the_subject_as_bytes(store: pathlib.Path) -> None:
    handled, observed = Heard(), Heard()
    with crewline.open(store, onPayload=handled) as api:
        api.receivePayloads("scada").subscribe(observed)
        sent = api.send(message("one", onDeliveredPayload=b"\x00\xff", onReadPayload=bytearray(b"read")))
        api.person("alice").read(sent.messageId)
        for kind, payload in (("delivered", b"\x00\xff"), ("read", b"read")):
            fired = observed.next()
            assert fired == (kind, "alice", sent.messageId, sent.chatId, payload)
            assert type(fired.payload) is bytes
            assert handled.next() == (payload, fired)
    assert handled.is_empty() and observed.is_empty()


def test_empty_payloads_are_as_if_not_given(store: pathlib.Path) -> None:
    handled = Heard()
    with crewline.open(store, onPayload=handled) as api:
        empty = api.send(message("one", onDeliveredPayload=b"", onReadPayload=b""))
        full = api.send(message("two", onReadPayload=b"2"))
        alice = api.person("alice")
        alice.read(empty.messageId)
        alice.read(full.messageId)
        assert handled.next()[0] == b"2"
    assert handled.is_empty()


CRASHING = """
import os, sys
import crewline
from conftest import message

api = crewline.open(sys.argv[1], onPayload=lambda payload, fired: os._exit(7))
sent = api.send(message("one", onDeliveredPayload=b"delivered", onReadPayload=b"read"))
api.person("alice").read(sent.messageId)
api.send(message("the next message"))
import threading; threading.Event().wait(30)
"""


def test_better_8_delivered_and_read_payloads_survive_a_crash_of_the_process(store: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(store)], cwd=pathlib.Path(__file__).parent, timeout=60, check=False
    )
    assert done.returncode == 7, "it died in the middle of the first payload"
    handled = Heard()
    # Nobody has to say whose payloads wait.
    with crewline.open(store, onPayload=handled) as api:
        got = [handled.next() for _ in range(2)]
        assert [payload for payload, _ in got] == [b"delivered", b"read"]
        api.sendMessage(message("another"))
    with crewline.open(store, externals=["scada"], onPayload=handled) as api:
        sent = api.send(message("last", onReadPayload=b"last"))
        api.person("alice").read(sent.messageId)
        assert handled.next()[0] == b"last", "once each"
    assert handled.is_empty()


def test_better_8_payloads_survive_a_kill_of_the_server_and_the_next_message(server: Server) -> None:
    alice = server.person("alice")
    token = server.token("scada")
    with crewline.connect(server.url, token=token) as api:
        sent = api.send(message("one", onDeliveredPayload=b"delivered", onReadPayload=b"read"))
        api.sendMessage(message("the next message"))
    alice.say("read", sent.messageId)
    server.kill()
    server.start()
    handled = Heard()
    # The token names one external: nobody has to say whose payloads are wanted.
    with crewline.connect(server.url, token=token, onPayload=handled):
        assert [handled.next()[0] for _ in range(2)] == [b"delivered", b"read"]
    with crewline.connect(server.url, token=token, onPayload=handled) as api:
        last = api.send(message("last", onReadPayload=b"last"))
        alice.say("read", last.messageId)
        assert handled.next()[0] == b"last", "once each"
    assert handled.is_empty()


def test_better_8_payloads_fire_after_the_commit_and_a_failing_handler_has_them_parked(store: pathlib.Path) -> None:
    def fail(payload: bytes, fired: crewline.PayloadFired) -> None:
        raise OSError("the ticket system is away")

    observed = Heard()
    with crewline.open(store, onPayload=fail) as api:
        api.receivePayloads("scada").subscribe(observed)
        sent = api.send(message("one", onReadPayload=b"read"))
        api.person("alice").read(sent.messageId)
        api.person("alice").read(api.send(message("two", onReadPayload=b"next")).messageId)
        assert [observed.next().payload for _ in range(2)] == [b"read", b"next"]
        (parked,) = api.parked()[:1]
    assert parked.observer is fail and parked.event.payload == b"read"
