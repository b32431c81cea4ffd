"""What comes back: answers, messages, payloads, and what was parked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, List, NamedTuple, Tuple

from peek_plugin_chat.server.ChatApiABC import ReceivedMessage as _SeedMessage

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _time(millis: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=millis)


class Recipient(NamedTuple):
    """A recipient of a message that was sent."""

    userId: str
    """Who."""

    state: str
    """``accepted``."""


class Sent(NamedTuple):
    """A message that was sent: it is stored durably."""

    messageId: str
    """Its id."""

    chatId: str
    """Its chat: the one of exactly these people."""

    position: int
    """Its number in the chat: 1, 2, 3 …"""

    sentAt: datetime
    """When it was stored, in UTC."""

    recipients: Tuple[Recipient, ...]
    """The recipients, sorted by id."""

    @classmethod
    def _of(cls, raw: Any) -> "Sent":
        recipients = tuple(Recipient(*one) for one in raw[4])
        return cls(raw[0], raw[1], raw[2], _time(raw[3]), recipients)


class ReceivedMessage(_SeedMessage):
    """A message from a user to an external, with what the seed's class does not have."""

    messageId: str
    """Its id: the same, if it comes again."""

    chatId: str
    """Its chat."""

    fromUserName: str
    """The sender's name when it was sent."""

    sentAt: datetime
    """When it was stored, in UTC."""

    seq: int
    """Its number in the log of the external: the same, if it comes again."""

    # The class of the seed checks its arguments; what comes from the engine was checked.
    def __init__(  # noqa: D107
        self,
        fromUserId: str,
        allUserIds: List[str],
        message: str,
        priority: int,
        messageId: str,
        chatId: str,
        fromUserName: str,
        sentAt: datetime,
        seq: int,
    ) -> None:
        self.fromUserId = fromUserId
        self.allUserIds = allUserIds
        self.message = message
        self.priority = priority
        self.messageId = messageId
        self.chatId = chatId
        self.fromUserName = fromUserName
        self.sentAt = sentAt
        self.seq = seq

    @classmethod
    def _of(cls, raw: Any) -> "ReceivedMessage":
        return cls(raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7], _time(raw[8]), raw[0])


class PayloadFired(NamedTuple):
    """A payload that came back: each once."""

    kind: str
    """``delivered`` or ``read``."""

    userId: str
    """The recipient."""

    messageId: str
    """The message it was attached to."""

    chatId: str
    """Its chat."""

    payload: bytes
    """The bytes, as they were given."""

    @classmethod
    def _of(cls, raw: Any) -> "PayloadFired":
        return cls(raw[1], raw[2], raw[3], raw[4], raw[5])


@dataclass(frozen=True)
class Parked:
    """An event that an observer could not take, in three tries. It is confirmed all the same: what becomes of it is up to
    who reads this."""

    external: str
    """Whose event it is."""

    observer: Any
    """The observer: what was given to ``subscribe``, or the ``onPayload`` handler."""

    event: Any
    """The :class:`ReceivedMessage` or :class:`PayloadFired`."""

    error: BaseException
    """What the observer raised last."""
