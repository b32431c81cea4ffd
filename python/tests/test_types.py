"""The types that callers see, by mypy, as strict as it gets."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import crewline

HERE = pathlib.Path(__file__).parent
EXAMPLES = HERE.parent / "examples"

GOOD = """
import asyncio
import crewline, crewline.aio
from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage, NewMessageUser

async def main() -> str:
    async with crewline.aio.connect("http://x", token="t") as api:
        return (await api.send(NewMessage("a", "A", [NewMessageUser("b")], "text"))).messageId

def blocking() -> None:
    with crewline.open("x.db", onPayload=lambda payload, fired: print(payload.hex(), fired.userId)) as api:
        same: ChatApiABC = api
        same.receiveMessages("a").subscribe(lambda message: print(message.fromUserId))
"""
BAD = """
import crewline
with crewline.open("x.db") as api:
    api.send("text")
    api.receiveMessages(5)
"""


def mypy(tmp_path: pathlib.Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", *arguments]
    return subprocess.run(words, cwd=tmp_path, timeout=120, capture_output=True, text=True, check=False)


def test_the_package_and_the_code_of_callers_keep_their_types(tmp_path: pathlib.Path) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(GOOD)
    bad.write_text(BAD)
    for what in (["-p", "crewline"], [str(good), *map(str, sorted(EXAMPLES.glob("*.py")))]):
        done = mypy(tmp_path, *what)
        assert done.returncode == 0, done.stdout + done.stderr
    done = mypy(tmp_path, str(bad))
    assert done.stdout.count("[arg-type]") == 2, "the types are seen outside of the package: " + done.stdout


def test_everything_public_has_a_docstring() -> None:
    import crewline.aio
    import crewline.twisted
    from peek_plugin_chat.server import ChatApiABC as seed

    missing = []
    for module in (crewline, crewline.aio, crewline.twisted, seed):
        own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]
        for name in getattr(module, "__all__", [name for name in own if not name.startswith("_")]):
            thing = getattr(module, name)
            members = [(name, thing)]
            if isinstance(thing, type):
                public = [(one, member) for one, member in vars(thing).items() if not one.startswith("_")]
                members += [(f"{name}.{one}", member) for one, member in public if callable(member)]
            missing += [f"{module.__name__}.{one}" for one, member in members if not (member.__doc__ or "").strip()]
    assert missing == []
