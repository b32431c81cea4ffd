"""What the tests share: a store, and a server of the same build."""

from __future__ import annotations

import pathlib
import queue
from typing import Any, Iterator

import crewline
import pytest
from peek_plugin_chat.server.ChatApiABC import NewMessage, NewMessageUser
from server import Server

WAIT = 30.0
"""Seconds after which what should have come is missed."""


def message(text: str, *to: str, sender: str = "scada", **payloads: bytes) -> NewMessage:
    users = [NewMessageUser(one, **payloads) for one in to or ("alice",)]
    return NewMessage(sender, sender.upper(), users, text)


class Heard:
    """An observer that keeps what it was given."""

    def __init__(self) -> None:
        self.queue: "queue.Queue[Any]" = queue.Queue()

    def __call__(self, *event: Any) -> None:
        self.queue.put(event[0] if len(event) == 1 else event)

    def next(self) -> Any:
        return self.queue.get(timeout=WAIT)

    def texts(self, count: int) -> list[str]:
        return [self.next().message for _ in range(count)]

    def is_empty(self) -> bool:
        return self.queue.empty()


@pytest.fixture
def store(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "crewline.db"


@pytest.fixture
def api(store: pathlib.Path) -> Iterator[crewline.ChatApi]:
    with crewline.open(store) as api:
        yield api


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()
