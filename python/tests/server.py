"""A server of the same build, as a process of its own; and people who sign in to it."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.request
from typing import Any, Optional
from urllib.parse import quote

BINARY = os.environ.get("TESTED_CREWLINE", "")
PASSWORD = "correct horse"


class Server:
    """A server on a store, that can be killed and started again on the same port."""

    def __init__(self, folder: pathlib.Path) -> None:
        assert BINARY, "TESTED_CREWLINE names the server's program: run python/test.sh"
        self.folder = folder
        self.process: Optional["subprocess.Popen[str]"] = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self.port:
            self.port = free_port()
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--store", self._store(), "--listen", f"127.0.0.1:{self.port}"],
                cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on"), (line, (self.folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(how)
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()

    def _store(self) -> str:
        return f"sqlite://{self.folder / 'crewline.db'}"

    def command(self, *arguments: str, said: str = "") -> str:
        done = subprocess.run(
            [BINARY, *arguments, "--store", self._store()],
            cwd=self.folder, input=said, capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def token(self, *externals: str) -> str:
        return self.command("token", "create", *(word for one in externals for word in ("--external", one)))

    def person(self, id: str) -> "Person":
        self.command("user", "add", id, "--password-stdin", said=PASSWORD)
        return Person(self, id)


class Person:
    """Someone on a device, by HTTP."""

    def __init__(self, server: Server, id: str) -> None:
        self.server, self.id = server, id
        self.token = ""
        self.token = self.call("POST", "/session", {"userId": id, "password": PASSWORD})["token"]

    def call(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server.url + "/api/v1" + path, data, dict(headers or {}), method=method)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def reply(self, chat: str, text: str, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.call("POST", f"/chats/{quote(chat, safe='')}/messages", {"message": text}, headers)

    def say(self, state: str, *messages: str) -> Any:
        receipts = [{"messageId": message, "state": state} for message in messages]
        return self.call("POST", "/receipts", {"receipts": receipts})

    def received(self, after: int = 0) -> list[Any]:
        """All messages of the person's log."""
        events: list[Any] = []
        while True:
            page = self.call("GET", f"/participants/me/events?after={after}&limit=1000")
            events += [event["data"] for event in page["events"] if event["type"] == "message.received"]
            if page["next"] == after:
                return events
            after = page["next"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
