"""A server whose store was restored from a backup: its logs count on from older numbers."""

from __future__ import annotations

import crewline
from conftest import Heard, message
from server import Server


def test_an_observer_goes_on_with_a_log_that_was_restored(server: Server) -> None:
    alice, token, heard = server.person("alice"), server.token("scada"), Heard()
    backup = str(server.folder / "backup.db")
    with crewline.connect(server.url, token=token) as api:
        chat = api.send(message("one")).chatId
        subscription = api.receiveMessages("scada").subscribe(heard)
        alice.reply(chat, "kept")
        assert heard.texts(1) == ["kept"]
        server.command("db", "backup", backup)
        for text in ("lost", "lost, too"):
            alice.reply(chat, text)
        assert heard.texts(2) == ["lost", "lost, too"]
        server.stop()
        server.command("db", "restore", "--replace", backup)
        server.start()
        # Its number is that of the first one that was lost.
        alice.reply(chat, "new")
        while (text := heard.next().message) == "kept":
            """What the backup does not know to be confirmed may come again."""
        assert text == "new"
        subscription.dispose()
        # Nobody observes this one, whose number is that of the last one that was handled of the other log.
        alice.reply(chat, "newer")
    with crewline.connect(server.url, token=token) as api:
        api.receiveMessages("scada").subscribe(heard)
        assert heard.texts(1) == ["newer"], "confirmed is what was handled of the restored log"
    assert heard.is_empty()
