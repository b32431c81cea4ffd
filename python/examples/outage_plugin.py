"""A plugin, written to the chat API alone: it does not know where its `ChatApiABC` comes from.

It asks the crew of a feeder for their state, and answers what they say.
"""

from typing import List

from peek_plugin_chat.server.ChatApiABC import (
    ChatApiABC,
    NewMessage,
    NewMessageUser,
    ReceivedMessage,
)

EXTERNAL_ID = "outage:feeder-7"
EXTERNAL_NAME = "Outage desk, feeder 7"


class OutagePlugin:
    def __init__(self, chatApi: ChatApiABC) -> None:
        self.received: List[ReceivedMessage] = []
        self._chatApi = chatApi
        self._subscription = chatApi.receiveMessages(EXTERNAL_ID).subscribe(self._onMessage)

    def prepare(self, crew: List[str]) -> None:
        self._chatApi.createChat(fromExtUserId=EXTERNAL_ID, toUserIds=crew)

    def tripped(self, crew: List[str], breaker: str) -> None:
        users = [
            NewMessageUser(
                userId,
                onReadPayload=f"read by {userId}".encode(),
                onDeliveredPayload=f"delivered to {userId}".encode(),
            )
            for userId in crew
        ]
        self._chatApi.sendMessage(
            NewMessage(
                fromExtUserId=EXTERNAL_ID,
                fromExtUserName=EXTERNAL_NAME,
                toUsers=users,
                message=f"Breaker {breaker} has tripped",
                priority=NewMessage.PRIORITY_EMERGENCY,
            )
        )

    def shutdown(self) -> None:
        self._subscription.dispose()

    def _onMessage(self, message: ReceivedMessage) -> None:
        self.received.append(message)
        others = [userId for userId in message.allUserIds if userId != EXTERNAL_ID]
        self._chatApi.sendMessage(
            NewMessage(
                EXTERNAL_ID,
                EXTERNAL_NAME,
                [NewMessageUser(userId) for userId in others],
                f"Noted: {message.message}",
                NewMessage.PRIORITY_NORMAL_STICKY,
            )
        )
