"""Crewline carries messages between control rooms and field crews, and proves what became of each one.

:func:`connect` (a server) and :func:`open` (the engine in this process) return a :class:`ChatApi`, which is the
`ChatApiABC` of `peek_plugin_chat.server.ChatApiABC`. :mod:`crewline.aio` and :mod:`crewline.twisted` have the same for asyncio and
for Twisted.
"""

from ._blocking import ChatApi, Person, connect, open
from ._errors import CrewlineError, FieldError, Unavailable
from ._events import Parked, PayloadFired, ReceivedMessage, Recipient, Sent
from ._handle import parked

__all__ = [
    "ChatApi",
    "CrewlineError",
    "FieldError",
    "Parked",
    "PayloadFired",
    "Person",
    "ReceivedMessage",
    "Recipient",
    "Sent",
    "Unavailable",
    "connect",
    "open",
    "parked",
]
