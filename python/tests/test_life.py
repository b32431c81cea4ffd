"""The life of a handle: closing, the end of the process, forks, threads, a server that is away."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

import crewline
import pytest
from conftest import WAIT, Heard, message
from server import Server, free_port

HERE = pathlib.Path(__file__).parent


def tasks() -> int:
    return len(os.listdir("/proc/self/task"))


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the threads of a process are counted in /proc")


def run(program: str, *arguments: Any, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(words, cwd=HERE, timeout=timeout, capture_output=True, text=True, check=False)


THREADS = """
import os, sys, threading, time
import crewline
from conftest import Heard, message

def threads():
    return [one.name for one in threading.enumerate()], len(os.listdir("/proc/self/task"))

def left():
    # The kernel lists a thread for a moment after it was joined.
    until = time.monotonic() + 10
    while (now := threads()) != before and time.monotonic() < until:
        time.sleep(0.01)
    return now

before = threads()
for _ in range(2):
    with crewline.open(sys.argv[1], onPayload=print) as api:
        heard = Heard()
        sent = api.send(message("one"))
        api.receiveMessages("scada").subscribe(heard)
        api.receiveMessages("unused")
        api.person("alice").reply(sent.chatId, "two")
        heard.next()
        during = threads()
    assert left() == before, (before, during, threads())
    api.close()
if len(sys.argv) > 2:
    with crewline.connect(sys.argv[2], token=sys.argv[3], onPayload=print) as api:
        api.sendMessage(message("one"))
        api.receiveMessages("scada").subscribe(print)
    assert left() == before, threads()
print(len(during[0]), "threads of Python,", during[1], "in all; none left")
"""


@needs_proc
def test_no_thread_is_left_after_close(store: pathlib.Path, server: Server) -> None:
    server.person("alice")
    done = run(THREADS, store.with_name("own.db"), server.url, server.token("scada"))
    assert done.returncode == 0, done.stderr
    assert "none left" in done.stdout


def test_a_closed_handle_says_so(store: pathlib.Path) -> None:
    api = crewline.open(store)
    subject = api.receiveMessages("scada")
    api.close()
    api.close()
    calls: list[Any] = [
        lambda: api.sendMessage(message("x")),
        lambda: api.createChat("scada", ["alice"]),
        lambda: api.receiveMessages("scada"),
        lambda: subject.subscribe(print),
        lambda: api.person("alice"),
    ]
    for call in calls:
        with pytest.raises(crewline.CrewlineError) as raised:
            call()
        assert raised.value.code == "closed" and not isinstance(raised.value, crewline.Unavailable)


def test_a_handle_that_is_forgotten_closes_its_store(store: pathlib.Path) -> None:
    crewline.open(store).sendMessage(message("one"))
    with crewline.open(store) as api:
        assert api.send(message("two")).position == 2


EXITING = """
import atexit, sys, threading

def no_thread_is_left():
    print([one.name for one in threading.enumerate() if one.name.startswith("crewline")])

# What is registered first is called last.
atexit.register(no_thread_is_left)
import crewline
from conftest import Heard, message

api = crewline.open(sys.argv[1], onPayload=Heard())
heard = Heard()
sent = api.send(message("one"))
api.receiveMessages("scada").subscribe(heard)
api.person("alice").reply(sent.chatId, "two")
heard.next()
if sys.argv[2] == "raises":
    raise SystemExit(3)
if sys.argv[2] == "remote":
    other = crewline.connect("http://127.0.0.1:1", token="t", onPayload=print)
    other.receiveMessages("scada").subscribe(print)
"""


@pytest.mark.parametrize(("how", "code"), [("ends", 0), ("raises", 3), ("remote", 0)])
def test_a_process_that_ends_without_close_does_not_hang(store: pathlib.Path, how: str, code: int) -> None:
    done = run(EXITING, store, how, timeout=30)
    assert (done.returncode, done.stdout.strip()) == (code, "[]"), done.stderr
    with crewline.open(store) as api:
        heard = Heard()
        api.receiveMessages("scada").subscribe(heard)
        api.person("alice").reply(api.send(message("x")).chatId, "three")
        assert heard.texts(1) == ["three"], "what was handled was confirmed at the end of the process"


FORKING = """
import os, sys
import crewline
from conftest import Heard, message

api = crewline.open(sys.argv[1])
heard = Heard()
subject = api.receiveMessages("scada")
subject.subscribe(heard)
sent = api.send(message("one"))
child = os.fork()
if child == 0:
    codes = []
    for call in (
        lambda: api.sendMessage(message("from the child")),
        lambda: api.receiveMessages("scada"),
        lambda: subject.subscribe(print),
        lambda: api.createChat("scada", ["alice"]),
        # An engine of its own might wait for ever for a lock that a thread of the parent held at the fork.
        lambda: crewline.open(sys.argv[1] + ".child"),
    ):
        try:
            call()
            codes.append("no error")
        except crewline.CrewlineError as error:
            codes.append(error.code)
    api.close()
    del api, subject
    sys.exit(0 if codes == ["forked"] * 5 else 9)
_, status = os.waitpid(child, 0)
api.person("alice").reply(sent.chatId, "to the parent")
assert heard.texts(1) == ["to the parent"]
api.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_after_a_fork_the_child_is_told_and_neither_hangs(store: pathlib.Path) -> None:
    done = run(FORKING, store, timeout=60)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)


POOL = """
import multiprocessing, sys
import crewline
from conftest import message

def work(path):
    with crewline.open(path) as api:
        return api.send(message("from a worker")).position

if __name__ == "__main__":
    with crewline.open(sys.argv[1]) as api:
        api.sendMessage(message("one"))
        api.close() if sys.argv[2] == "fork" else None
        with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
            print(pool.map(work, [f"{sys.argv[1]}.{number}" for number in range(2)]))
"""


@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_a_pool_of_processes_works_by_spawn_beside_an_engine_and_by_fork_behind_it(
    store: pathlib.Path, tmp_path: pathlib.Path, how: str
) -> None:
    script = tmp_path / "pool.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(HERE)!r})\n{POOL}")
    words = [sys.executable, "-W", "ignore", str(script), str(store), how]
    done = subprocess.run(words, timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[1, 1]"), done.stderr


def test_a_server_that_is_away_is_told_when_the_patience_is_over() -> None:
    begun = time.monotonic()
    with crewline.connect(f"http://127.0.0.1:{free_port()}", token="token", patience=0.5) as api:
        with pytest.raises(crewline.Unavailable) as raised:
            api.sendMessage(message("x"))
        api.receiveMessages("scada").subscribe(print)
    assert raised.value.code == "unreachable"
    assert time.monotonic() - begun < WAIT


def test_closing_cuts_short_a_call_that_waits_for_a_server() -> None:
    api = crewline.connect(f"http://127.0.0.1:{free_port()}", token="token", patience=None)
    raised = Heard()

    def send() -> None:
        try:
            api.sendMessage(message("x"))
        except crewline.CrewlineError as error:
            raised(error.code)

    thread = threading.Thread(target=send)
    thread.start()
    api.close()
    thread.join(WAIT)
    assert raised.next() == "closed"


def test_the_interpreter_goes_on_while_a_call_waits() -> None:
    ticks, stop = 0, threading.Event()
    with crewline.connect(f"http://127.0.0.1:{free_port()}", token="token", patience=1) as api:

        def send() -> None:
            try:
                api.sendMessage(message("x"))
            except crewline.Unavailable:
                stop.set()

        thread = threading.Thread(target=send)
        thread.start()
        while not stop.wait(0.001):
            ticks += 1
        thread.join()
    assert ticks > 50, f"only {ticks} turns of the loop in about a second"


def test_a_wrong_token_is_told_at_once(server: Server) -> None:
    with crewline.connect(server.url, token="crewline_wrong") as api:
        with pytest.raises(crewline.CrewlineError) as raised:
            api.sendMessage(message("x"))
    assert raised.value.code == "unauthenticated"


def test_a_message_with_the_same_key_is_sent_once(api: crewline.ChatApi) -> None:
    first = api.send(message("one"), "key 1")
    assert api.send(message("one"), "key 1") == first
    with pytest.raises(crewline.CrewlineError) as raised:
        api.send(message("another"), "key 1")
    assert raised.value.code == "idempotency_mismatch"


def test_many_threads_send_at_once(api: crewline.ChatApi) -> None:
    def send(number: int) -> None:
        for turn in range(20):
            api.sendMessage(message(f"{number}.{turn}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert api.send(message("last")).position == 321


def test_the_store_of_another_handle_is_named(store: pathlib.Path, api: crewline.ChatApi) -> None:
    with pytest.raises(crewline.CrewlineError, match="crewline.db"):
        crewline.open(store)


def test_ctrl_c_ends_a_call_that_waits() -> None:
    program = f"""
import signal, threading
import crewline
from conftest import message
# What was started in the background of a shell has been told to ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
api = crewline.connect("http://127.0.0.1:{free_port()}", token="token", patience=None)
threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
api.sendMessage(message("x"))
"""
    done = run(program, timeout=30)
    assert done.returncode != 0 and "KeyboardInterrupt" in done.stderr
