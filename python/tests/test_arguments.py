"""What is wrong is named, whatever it is; nothing aborts."""

from __future__ import annotations

import inspect
import itertools
import pathlib
from typing import Any

import crewline
import pytest
from conftest import Heard, message
from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage, NewMessageUser, ReceivedMessage

USERS = [NewMessageUser("alice")]


@pytest.mark.parametrize("empty", ["", None, [], 0])
@pytest.mark.parametrize("name", ["fromExtUserId", "fromExtUserName", "toUsers", "message", "priority"])
def test_what_a_message_needs_is_not_optional(name: str, empty: Any) -> None:
    arguments: Any = {"fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": USERS, "message": "text"}
    arguments[name] = empty
    with pytest.raises(Exception) as raised:
        NewMessage(**arguments)
    assert str(raised.value) == f"{name} is not optional"


@pytest.mark.parametrize("empty", ["", None])
def test_ids_are_not_optional(api: crewline.ChatApi, empty: Any) -> None:
    calls: Any = {
        "toUserId": lambda: NewMessageUser(empty),
        "fromExtUserId": lambda: api.createChat(empty, ["alice"]),
        "toUserIds": lambda: api.createChat("scada", empty),
        "toExtUserId": lambda: api.receiveMessages(empty),
    }
    for name, call in calls.items():
        with pytest.raises(Exception) as raised:
            call()
        assert str(raised.value) == f"{name} is not optional"


def test_the_classes_are_those_of_the_seed() -> None:
    def arguments(of: Any) -> list[str]:
        return list(inspect.signature(of).parameters)

    assert arguments(NewMessage) == ["fromExtUserId", "fromExtUserName", "toUsers", "message", "priority"]
    assert arguments(NewMessageUser) == ["toUserId", "onReadPayload", "onDeliveredPayload"]
    assert arguments(ReceivedMessage) == ["fromUserId", "allUserIds", "message", "priority"]
    for kind in (NewMessage, ReceivedMessage):
        constants = (kind.PRIORITY_EMERGENCY, kind.PRIORITY_NORMAL_FLEETING, kind.PRIORITY_NORMAL_STICKY)
        assert constants == (1, 2, 3)
    assert NewMessage("a", "A", USERS, "text").priority == 2
    assert NewMessageUser("a").onReadPayload is None and NewMessageUser("a").onDeliveredPayload is None
    assert NewMessageUser.onDeliveredPayload is None
    assert ChatApiABC.__abstractmethods__ == {"sendMessage", "createChat", "receiveMessages"}
    with pytest.raises(TypeError):
        ChatApiABC()  # type: ignore[abstract]


HUGE = "x" * 5_000_000
WRONG: list[tuple[str, Any]] = [
    ("fromExtUserId", 7),
    ("fromExtUserId", b"scada"),
    ("fromExtUserId", "a\ud800b"),
    ("fromExtUserId", HUGE),
    ("fromExtUserId", "a\x00b"),
    ("fromExtUserName", 1.5),
    ("fromExtUserName", "\udfff"),
    ("fromExtUserName", HUGE),
    ("message", ["text"]),
    ("message", "half \ud83d"),
    ("message", HUGE),
    ("message", "   "),
    ("message", "a\x00b"),
    ("priority", "1"),
    ("priority", True),
    ("priority", 4),
    ("priority", -1),
    ("priority", 10**30),
    ("priority", 1.0),
    ("toUsers", "alice"),
    ("toUsers", 5),
    ("toUsers", ["alice"]),
    ("toUsers", [None]),
    ("toUsers", itertools.count()),
    ("toUsers", [NewMessageUser("scada")]),
    ("toUsers", [NewMessageUser(f"user {number}") for number in range(1_001)]),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: repr(value)[:10])
def test_a_wrong_value_in_a_message_is_named(api: crewline.ChatApi, name: str, value: Any) -> None:
    wrong = message("text")
    setattr(wrong, name, value)
    with pytest.raises((TypeError, ValueError, crewline.CrewlineError)) as raised:
        api.sendMessage(wrong)
    assert str(raised.value).startswith(name), raised.value


@pytest.mark.parametrize("name", ["toUserId", "onReadPayload", "onDeliveredPayload"])
@pytest.mark.parametrize("value", [7, "text \ud800", [1], memoryview(b"x"), b"x" * 65_537], ids=lambda value: type(value).__name__)
def test_a_wrong_value_of_a_recipient_is_named(api: crewline.ChatApi, name: str, value: Any) -> None:
    user = NewMessageUser("bob")
    setattr(user, name, value)
    wrong = message("text")
    wrong.toUsers.append(user)
    with pytest.raises((TypeError, ValueError, crewline.CrewlineError)) as raised:
        api.sendMessage(wrong)
    assert str(raised.value).startswith(f"toUsers[1].{name}"), raised.value


def test_something_else_than_a_message_is_named(api: crewline.ChatApi) -> None:
    for wrong in (None, 5, "text", object()):
        with pytest.raises(TypeError, match="^newMessage must be a NewMessage"):
            api.sendMessage(wrong)  # type: ignore[arg-type]


def test_wrong_ids_of_calls_are_named(api: crewline.ChatApi) -> None:
    calls: Any = {
        "fromExtUserId": lambda wrong: api.createChat(wrong, ["alice"]),
        "toUserIds": lambda wrong: api.createChat("scada", ["alice", wrong]),
        "toExtUserId": lambda wrong: api.receiveMessages(wrong),
        "idempotencyKey": lambda wrong: api.send(message("x"), wrong),
    }
    for name, call in calls.items():
        for wrong in (7, "\ud800"):
            with pytest.raises((TypeError, ValueError), match=f"^{name}"):
                call(wrong)
    with pytest.raises(TypeError, match="^toUserIds must be a list of str, not str"):
        api.createChat("scada", "alice")  # type: ignore[arg-type]
    with pytest.raises(crewline.CrewlineError) as raised:
        api.send(message("x"), "k" * 256)
    assert [error.field for error in raised.value.errors] == ["Idempotency-Key"]


def test_an_error_has_its_code_and_every_field(api: crewline.ChatApi) -> None:
    wrong = message("text")
    wrong.fromExtUserName, wrong.message = "x" * 256, " "
    with pytest.raises(crewline.CrewlineError) as raised:
        api.sendMessage(wrong)
    error = raised.value
    assert error.code == "invalid" and not isinstance(error, crewline.Unavailable)
    assert [(one.field, one.code) for one in error.errors] == [("fromExtUserName", "too_long"), ("message", "empty")]


def test_wrong_arguments_of_a_handle_are_named(store: pathlib.Path) -> None:
    with pytest.raises(TypeError, match="consumer must be str"):
        crewline.open(store, consumer=5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="consumer is too long"):
        crewline.open(store.with_name("b.db"), consumer="x" * 247)
    with pytest.raises(TypeError, match="externals must be a list"):
        crewline.open(store.with_name("c.db"), externals="scada")
    with pytest.raises(crewline.CrewlineError, match="^url: "):
        crewline.connect("nowhere", token="t")
    with pytest.raises(crewline.CrewlineError, match="^token: "):
        crewline.connect("http://127.0.0.1:1", token="a b")
    with pytest.raises(TypeError, match="^token must be str"):
        crewline.connect("http://127.0.0.1:1", token=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^patience "):
        crewline.connect("http://127.0.0.1:1", token="t", patience=-1)
    with pytest.raises(crewline.CrewlineError, match="taken.db"):
        folder = store.with_name("taken.db")
        folder.mkdir()
        crewline.open(folder)


def test_ids_of_any_characters_reach_the_right_one(api: crewline.ChatApi) -> None:
    odd = ["a,b", " a ", '"', "Ä", "🚑", "a'; drop", "A"]
    sent = api.send(message("to all", *odd, sender="ext 🚑, one"))
    assert sorted(one.userId for one in sent.recipients) == sorted(odd)
    heard = Heard()
    api.receiveMessages("ext 🚑, one").subscribe(heard)
    api.person("a,b").reply(sent.chatId, "🚒\U0010ffff")
    assert heard.next().message == "🚒\U0010ffff"
