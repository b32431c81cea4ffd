"""What goes wrong, as exceptions."""

from __future__ import annotations

from typing import NamedTuple, Sequence


class FieldError(NamedTuple):
    """One field at fault."""

    field: str
    """Where: a path such as ``toUsers[0].toUserId``."""

    code: str
    """What is wrong, as one word."""

    detail: str
    """What is wrong, as a sentence."""


class CrewlineError(Exception):
    """A call that was refused or failed. What it asked for did not happen; only after :class:`Unavailable` from a
    server is that not known."""

    code: str
    """What went wrong, for programs: one of the codes in the page of errors; or ``closed`` and ``forked``, of a handle
    that cannot be used any more."""

    detail: str
    """What went wrong and what to do, for people."""

    errors: list[FieldError]
    """The fields at fault."""

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail
        self.errors = list(errors)

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (type(self), (self.code, self.detail, self.errors))


class Unavailable(CrewlineError):
    """The same may succeed later: the server is away or busy, or its disk is full. It was tried for as long as
    ``patience=`` says. Do it again with the same ``idempotencyKey``, and it is done once."""


def _made(code: str, detail: str, errors: list[tuple[str, str, str]], later: bool) -> CrewlineError:
    kind = Unavailable if later else CrewlineError
    return kind(code, detail, [FieldError(*error) for error in errors])


def _required(value: object, name: str) -> None:
    if not value:
        raise Exception(f"{name} is not optional")
