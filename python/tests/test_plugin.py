"""The example plugin, which is written to the chat API alone, wherever its engine is."""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any

import crewline
from conftest import Heard
from server import Server

EXAMPLE = pathlib.Path(__file__).parent.parent / "examples" / "outage_plugin.py"


def plugin() -> Any:
    spec = importlib.util.spec_from_file_location("outage_plugin", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_plugin_works_with_the_engine_in_its_process(store: pathlib.Path) -> None:
    module, payloads, seen = plugin(), Heard(), Heard()
    with crewline.open(store, onPayload=payloads) as api:
        outage = module.OutagePlugin(api)
        api.receiveMessages(module.EXTERNAL_ID).subscribe(seen)
        outage.prepare(["alice", "bob"])
        outage.tripped(["alice", "bob"], "1204")
        alice = api.person("alice")
        (event,) = alice.received()
        assert (event.message, event.priority) == ("Breaker 1204 has tripped", 1)
        alice.delivered(event.messageId)
        alice.read(event.messageId)
        alice.reply(event.chatId, "On my way")
        assert [payloads.next()[0] for _ in range(2)] == [b"delivered to alice", b"read by alice"]
        assert seen.next().message == "On my way"
        outage.shutdown()
    assert [one.message for one in outage.received] == ["On my way"]
    with crewline.open(store) as api:
        texts = [one.message for one in api.person("bob").received()]
    assert texts == ["Breaker 1204 has tripped", "On my way", "Noted: On my way"]


def test_the_example_plugin_works_with_a_server(server: Server) -> None:
    module, payloads, seen = plugin(), Heard(), Heard()
    alice, bob = server.person("alice"), server.person("bob")
    token = server.token(module.EXTERNAL_ID)
    with crewline.connect(server.url, token=token, onPayload=payloads) as api:
        outage = module.OutagePlugin(api)
        api.receiveMessages(module.EXTERNAL_ID).subscribe(seen)
        outage.prepare([alice.id, bob.id])
        outage.tripped([alice.id, bob.id], "1204")
        (event,) = alice.received()
        assert (event["message"], event["priority"]) == ("Breaker 1204 has tripped", 1)
        alice.say("delivered", event["messageId"])
        alice.say("read", event["messageId"])
        alice.reply(event["chatId"], "On my way")
        assert [payloads.next()[0] for _ in range(2)] == [b"delivered to alice", b"read by alice"]
        assert seen.next().message == "On my way"
        outage.shutdown()
    assert [one.message for one in outage.received] == ["On my way"]
    assert [one["message"] for one in bob.received()] == ["Breaker 1204 has tripped", "On my way", "Noted: On my way"]
