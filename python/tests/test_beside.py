"""Beside the original plugin, which is a package of the same name."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

SEED = '''
from abc import ABCMeta, abstractmethod

class NewMessageUser(object):
    onDeliveredPayload = None
    def __init__(self, toUserId, onReadPayload=None):
        self.toUserId, self.onReadPayload = toUserId, onReadPayload

class NewMessage(object):
    PRIORITY_NORMAL_FLEETING = 2
    def __init__(self, fromExtUserId, fromExtUserName, toUsers, message, priority=2):
        self.fromExtUserId, self.fromExtUserName = fromExtUserId, fromExtUserName
        self.toUsers, self.message, self.priority = toUsers, message, priority

class ReceivedMessage(object):
    def __init__(self, fromUserId, allUserIds, message, priority):
        raise AssertionError("its arguments were checked by the engine")

class ChatApiABC(metaclass=ABCMeta):
    @abstractmethod
    def sendMessage(self, newMessage): pass
    @abstractmethod
    def createChat(self, fromExtUserId, toUserIds): pass
    @abstractmethod
    def receiveMessages(self, toExtUserId): pass
'''
PROGRAM = """
import queue, sys
import peek_plugin_chat, peek_plugin_chat._private.tuples
from peek_plugin_chat.server.ChatApiABC import ChatApiABC, NewMessage, NewMessageUser
import crewline

assert peek_plugin_chat.__version__ == "2.0" and peek_plugin_chat._private.tuples.there
with crewline.open(sys.argv[1]) as api:
    assert isinstance(api, ChatApiABC)
    heard = queue.Queue()
    api.receiveMessages("scada").subscribe(heard.put)
    sent = api.send(NewMessage("scada", "SCADA", [NewMessageUser("alice", b"read")], "text"))
    api.person("alice").reply(sent.chatId, "On my way")
    assert heard.get(timeout=30).message == "On my way"
"""


def test_the_original_keeps_its_modules_and_crewline_works_with_its_classes(tmp_path: pathlib.Path) -> None:
    original = tmp_path / "peek_plugin_chat"
    (original / "server").mkdir(parents=True)
    (original / "_private").mkdir()
    (original / "__init__.py").write_text("__version__ = '2.0'\n")
    (original / "server" / "__init__.py").write_text("")
    (original / "_private" / "__init__.py").write_text("")
    (original / "_private" / "tuples.py").write_text("there = True\n")
    (original / "server" / "ChatApiABC.py").write_text(SEED)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "crewline.db")]
    done = subprocess.run(words, env=environment, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_file_of_the_original_but_the_one_of_the_api_is_ours() -> None:
    import peek_plugin_chat.server

    assert peek_plugin_chat.__file__ is None and peek_plugin_chat.server.__file__ is None
