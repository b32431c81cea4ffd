"""The chat API, as plugins know it: the messages, and the abstract class that sends and receives them.

`crewline.connect` and `crewline.open` return a `ChatApiABC`.
"""

from abc import ABC, abstractmethod
from typing import Any, List, Optional

from reactivex.subject import Subject


def _required(value: Any, name: str) -> None:
    if not value:
        raise Exception(f"{name} is not optional")


class NewMessageUser:
    """A user that a message will be sent to."""

    toUserId: str
    """Who: the user's id."""

    onReadPayload: Optional[bytes] = None
    """Comes back to the sender when the user has read the message."""

    onDeliveredPayload: Optional[bytes] = None
    """Comes back to the sender when the first device of the user has the message."""

    def __init__(
        self,
        toUserId: str,
        onReadPayload: Optional[bytes] = None,
        onDeliveredPayload: Optional[bytes] = None,
    ) -> None:
        """
        :param toUserId: The user's id.
        :param onReadPayload: (Optional) Comes back when the user has read the message. At most 65,536 bytes.
        :param onDeliveredPayload: (Optional) Comes back when the first device of the user has the message.
        """
        _required(toUserId, "toUserId")
        self.toUserId = toUserId
        self.onReadPayload = onReadPayload
        self.onDeliveredPayload = onDeliveredPayload


class NewMessage:
    """A new message from an external system to users."""

    PRIORITY_EMERGENCY = 1
    """Emergency priority: each message has an alert of its own, which ends only by its own acknowledgement."""

    PRIORITY_NORMAL_FLEETING = 2
    """Normal priority, the alert will be fleeting."""

    PRIORITY_NORMAL_STICKY = 3
    """Normal priority, the alert will be sticky."""

    fromExtUserId: str
    """The external that sends. It need not be a user."""

    fromExtUserName: str
    """The name of the sender, as people are to see it."""

    toUsers: List[NewMessageUser]
    """The users to send the message to."""

    message: str
    """The text: 1 to 4,000 characters."""

    priority: int
    """How urgent it is: one of the three constants."""

    def __init__(
        self,
        fromExtUserId: str,
        fromExtUserName: str,
        toUsers: List[NewMessageUser],
        message: str,
        priority: int = PRIORITY_NORMAL_FLEETING,
    ) -> None:
        """
        :param fromExtUserId: The external that sends. It need not be a user.
        :param fromExtUserName: The name of the external user or system.
        :param toUsers: The users to send the message to.
        :param message: The text.
        :param priority: How urgent it is.
        """
        _required(fromExtUserId, "fromExtUserId")
        _required(fromExtUserName, "fromExtUserName")
        _required(toUsers, "toUsers")
        _required(message, "message")
        _required(priority, "priority")
        self.fromExtUserId = fromExtUserId
        self.fromExtUserName = fromExtUserName
        self.toUsers = toUsers
        self.message = message
        self.priority = priority


class ReceivedMessage:
    """A message from a user to an external system.

    One that Crewline gives out has four attributes more: `messageId`, `chatId`, `fromUserName` and `sentAt` (a
    `datetime` in UTC).
    """

    PRIORITY_EMERGENCY = 1
    """Emergency priority."""

    PRIORITY_NORMAL_FLEETING = 2
    """Normal priority, the alert is fleeting."""

    PRIORITY_NORMAL_STICKY = 3
    """Normal priority, the alert is sticky."""

    fromUserId: str
    """The user who sends the message."""

    allUserIds: List[str]
    """Everyone in this chat, the sender too."""

    message: str
    """The text."""

    priority: int
    """The priority of the message."""

    def __init__(self, fromUserId: str, allUserIds: List[str], message: str, priority: int) -> None:
        """
        :param fromUserId: The user who sends the message.
        :param allUserIds: Everyone in this chat.
        :param message: The text.
        :param priority: The priority of the message.
        """
        _required(fromUserId, "fromUserId")
        _required(allUserIds, "allUserIds")
        _required(message, "message")
        _required(priority, "priority")
        self.fromUserId = fromUserId
        self.allUserIds = allUserIds
        self.message = message
        self.priority = priority

    def __repr__(self) -> str:
        return f"<{type(self).__name__} from {self.fromUserId!r}, message {getattr(self, 'messageId', None)}>"


class ChatApiABC(ABC):
    """The chat API, as a plugin calls it."""

    @abstractmethod
    def sendMessage(self, newMessage: NewMessage) -> None:
        """Sends a message to users.

        :param newMessage: The message.
        """

    @abstractmethod
    def createChat(self, fromExtUserId: str, toUserIds: List[str]) -> None:
        """Makes a chat without a message. Nobody is alerted.

        :param fromExtUserId: The external that makes it.
        :param toUserIds: The users in it.
        """

    @abstractmethod
    def receiveMessages(self, toExtUserId: str) -> "Subject[Any]":
        """The messages that users send to an external, as an observable that fires :class:`ReceivedMessage`.

        :param toExtUserId: The external's id.
        :return: The same observable for the same id, each time.
        """
