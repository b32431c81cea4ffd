"""The engine in this process."""

from __future__ import annotations

import pathlib

import crewline
from conftest import Heard, message
from peek_plugin_chat.server.ChatApiABC import ChatApiABC


def test_a_message_is_sent_and_its_answer_reaches_an_observer(api: crewline.ChatApi) -> None:
    assert isinstance(api, ChatApiABC)
    sent = api.send(message("Breaker 1204 has tripped"))
    assert api.sendMessage(message("again")) is None
    heard = Heard()
    api.receiveMessages("scada").subscribe(heard)
    api.person("alice").reply(sent.chatId, "On my way")
    received = heard.next()
    assert (received.fromUserId, received.allUserIds) == ("alice", ["alice", "scada"])
    assert (received.message, received.priority) == ("On my way", 2)
    assert (received.chatId, received.fromUserName) == (sent.chatId, "alice")
    assert received.messageId != sent.messageId and received.sentAt >= sent.sentAt


def test_what_came_while_nobody_observed_comes_first_and_in_order(store: pathlib.Path) -> None:
    with crewline.open(store) as api:
        sent = api.send(message("one"))
        alice = api.person("alice")
        alice.reply(sent.chatId, "first")
        alice.reply(sent.chatId, "second")
    with crewline.open(store) as api:
        api.person("alice").reply(sent.chatId, "third")
        heard = Heard()
        api.receiveMessages("scada").subscribe(heard)
        assert heard.texts(3) == ["first", "second", "third"]
    with crewline.open(store) as api:
        api.person("alice").reply(sent.chatId, "fourth")
        heard = Heard()
        api.receiveMessages("scada").subscribe(heard)
        assert heard.texts(1) == ["fourth"], "what was handled is confirmed when close returns"
