"""Observers: who gets what, and what becomes of it where one cannot take it."""

from __future__ import annotations

import logging
import pathlib
import threading
from typing import Any

import crewline
import pytest
from conftest import WAIT, Heard, message
from reactivex import operators


def replies(api: crewline.ChatApi, *texts: str, external: str = "scada") -> str:
    sent = api.send(message("say something", sender=external))
    alice = api.person("alice")
    for text in texts:
        alice.reply(sent.chatId, text)
    return sent.chatId


class Failing:
    """An observer that fails at one text, so many times."""

    def __init__(self, at: str, times: int = 1_000_000) -> None:
        self.at, self.times = at, times
        self.seen: list[str] = []

    def __call__(self, received: Any) -> None:
        self.seen.append(received.message)
        if received.message == self.at and self.times:
            self.times -= 1
            raise ValueError(f"cannot take {self.at}")


def test_better_7_an_observer_that_raises_harms_nobody_and_the_event_is_parked(
    store: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing, healthy = Failing("two"), Heard()
    with crewline.open(store) as api:
        subject = api.receiveMessages("scada")
        subject.subscribe(failing)
        subject.subscribe(healthy)
        with caplog.at_level(logging.ERROR, "crewline"):
            replies(api, "one", "two", "three")
            assert healthy.texts(3) == ["one", "two", "three"], "the other one has each once, in order"
        assert healthy.is_empty()
        assert failing.seen == ["one", "two", "two", "two", "three"], "three tries, then it goes on"
        (parked,) = api.parked()
        assert (parked.external, parked.observer, parked.event.message) == ("scada", failing, "two")
        assert str(parked.error) == "cannot take two"
        assert parked in crewline.parked()
        (record,) = [record for record in caplog.records if record.name == "crewline"]
        assert record.exc_info and "scada" in record.getMessage() and "two" not in record.getMessage()
        api.sendMessage(message("sending is not harmed"))
    with crewline.open(store) as api:
        api.person("alice").reply(parked.event.chatId, "four")
        again = Heard()
        api.receiveMessages("scada").subscribe(again)
        assert again.texts(1) == ["four"], "what was parked is confirmed"


def test_an_observer_that_recovers_gets_the_event_again_and_nothing_is_parked(api: crewline.ChatApi) -> None:
    failing, done = Failing("one", times=2), Heard()
    subject = api.receiveMessages("scada")
    subject.subscribe(failing)
    subject.subscribe(done)
    replies(api, "one", "two")
    assert done.texts(2) == ["one", "two"]
    assert failing.seen[:3] == ["one", "one", "one"]
    assert api.parked() == []


def test_two_observers_both_get_each_message_and_one_that_leaves_gets_no_more(api: crewline.ChatApi) -> None:
    first, second = Heard(), Heard()
    subject = api.receiveMessages("scada")
    subscription = subject.subscribe(first)
    subject.subscribe(second)
    chat = replies(api, "one")
    assert (first.texts(1), second.texts(1)) == (["one"], ["one"])
    subscription.dispose()
    api.person("alice").reply(chat, "two")
    assert second.texts(1) == ["two"]
    assert first.is_empty()


def test_with_no_observer_the_cursor_waits_also_in_the_middle_of_a_batch(store: pathlib.Path) -> None:
    with crewline.open(store) as api:
        chat = replies(api, *(str(number) for number in range(10)))
        seen: list[str] = []
        left = threading.Event()

        def three(received: Any) -> None:
            seen.append(received.message)
            if len(seen) == 3:
                subscription.dispose()
                left.set()

        subject = api.receiveMessages("scada")
        holder = Heard()
        subscription = subject.subscribe(three)
        assert left.wait(WAIT)
        subject.subscribe(holder)
        assert holder.texts(7) == [str(number) for number in range(3, 10)]
    assert seen == ["0", "1", "2"]
    with crewline.open(store) as api:
        api.person("alice").reply(chat, "new")
        heard = Heard()
        api.receiveMessages("scada").subscribe(heard)
        assert heard.texts(1) == ["new"]


def test_what_nobody_observed_any_more_comes_again_after_a_restart(store: pathlib.Path) -> None:
    with crewline.open(store) as api:
        replies(api, "one", "two", "three")
        left = threading.Event()

        def one(received: Any) -> None:
            subscription.dispose()
            left.set()

        subscription = api.receiveMessages("scada").subscribe(one)
        assert left.wait(WAIT)
    with crewline.open(store) as api:
        heard = Heard()
        api.receiveMessages("scada").subscribe(heard)
        assert heard.texts(2) == ["two", "three"]


def test_observers_may_call_the_api(api: crewline.ChatApi) -> None:
    answered = Heard()

    def answer(received: Any) -> None:
        api.sendMessage(message(f"noted: {received.message}"))
        answered(api.send(message("done")))
        api.receiveMessages("another").subscribe(answered)

    api.receiveMessages("scada").subscribe(answer)
    replies(api, "one")
    assert answered.next().position == 4


def test_an_observer_may_close(store: pathlib.Path) -> None:
    api = crewline.open(store)
    closed, seen = threading.Event(), []

    def close(received: Any) -> None:
        seen.append(received.message)
        api.close()
        closed.set()

    replies(api, "one", "two")
    api.receiveMessages("scada").subscribe(close)
    assert closed.wait(WAIT)
    wait_for_threads_to_end()
    with crewline.open(store) as again:
        heard = Heard()
        again.receiveMessages("scada").subscribe(heard)
        assert heard.texts(1) == ["two"], "the one that closed is confirmed, and the next was not handed out"
    assert seen == ["one"]


def test_an_observer_may_call_while_the_handle_is_being_closed(store: pathlib.Path) -> None:
    api = crewline.open(store, onPayload=print)
    begun, go = threading.Event(), threading.Event()

    def answer(received: Any) -> None:
        begun.set()
        assert go.wait(WAIT)
        api.sendMessage(message("noted", sender="another"))

    replies(api, "one")
    api.receiveMessages("scada").subscribe(answer)
    assert begun.wait(WAIT)
    closing = threading.Thread(target=api.close)
    closing.start()
    while not api._handle.has_ended():
        closing.join(0.01)
    go.set()
    closing.join(WAIT)
    assert not closing.is_alive() and api.parked() == []
    with crewline.open(store) as again:
        assert again.send(message("next", sender="another")).position == 2, "the observer's message is there"


def wait_for_threads_to_end() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("crewline"):
            thread.join(WAIT)
            assert not thread.is_alive()


def test_the_same_id_has_the_same_subject_and_another_has_another(api: crewline.ChatApi) -> None:
    assert api.receiveMessages("a") is api.receiveMessages("a")
    assert api.receiveMessages("a") is not api.receiveMessages("b")
    assert api.receivePayloads("a") is api.receivePayloads("a")
    assert api.receivePayloads("a") is not api.receiveMessages("a")


def test_consumers_of_two_names_both_get_every_message(store: pathlib.Path) -> None:
    with crewline.open(store) as api:
        replies(api, "one")
    for name in ("first", "second", "first again"):
        with crewline.open(store, consumer=name) as api:
            heard = Heard()
            api.receiveMessages("scada").subscribe(heard)
            assert heard.texts(1) == ["one"]


def test_chains_of_operators_work_and_one_that_raises_is_parked(api: crewline.ChatApi) -> None:
    failing, healthy = Failing("TWO"), Heard()
    subject = api.receiveMessages("scada")
    urgent = subject.pipe(operators.map(shouted), operators.filter(lambda one: one.message != "ONE"))
    urgent.subscribe(failing)
    subject.subscribe(healthy)
    replies(api, "one", "two", "three")
    assert healthy.texts(3) == ["ONE", "TWO", "THREE"]
    assert failing.seen == ["TWO", "TWO", "TWO", "THREE"]
    assert [one.event.message for one in api.parked()] == ["TWO"]


def shouted(received: Any) -> Any:
    received.message = received.message.upper()
    return received


def test_a_slow_observer_of_one_external_does_not_hold_up_another(api: crewline.ChatApi) -> None:
    go, other = threading.Event(), Heard()
    waited = Heard()
    api.receiveMessages("scada").subscribe(lambda received: waited(go.wait(WAIT)))
    api.receiveMessages("oms").subscribe(other)
    replies(api, "one")
    replies(api, "one", external="oms")
    assert other.texts(1) == ["one"]
    go.set()
    assert waited.next() is True
