"""Definitions being edited: one draft per type, kept with its history, so that undoing survives reloads and restarts.

A draft's number rises with every change. An edit says which number it was made against; where others changed the draft
meanwhile, it is made anew on their text if the two touch different places, and else comes back with the difference.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
from msgspec import Struct
from sqlalchemy import Engine, delete
from sqlmodel import Session, col, func, select

from statewright.catalog.database import writing
from statewright.catalog.errors import DraftThere, TooManyDrafts, UnknownType
from statewright.catalog.tables import DraftChangeRow, DraftRow, DraftStepRow
from statewright.machine.editing import (
    Difference,
    Edit,
    Edited,
    EditRefused,
    Rewrite,
    differences,
    edited,
    meet,
    merged,
    sound,
)
from statewright.machine.moments import Micros
from statewright.machine.reading import SIZE

DRAFTS = 200
"""How many drafts a catalogue holds."""
STEPS = 200
"""How many steps back a draft remembers."""
CHANGES = 400
"""How many numbers back an edit may have been made against."""
BYTES = 16 * 1024 * 1024
"""How much text a draft's history may hold."""
_TYPING = 10_000_000
"""Texts written by hand within so many microseconds are one step to undo."""


class Change(Struct, frozen=True):
    """What brought a draft to `number`. `editor` tells one open page from another."""

    number: int
    words: str
    editor: str
    at: Micros


class Draft(Struct, frozen=True, kw_only=True):
    """A definition being edited. `sound` is its latest text that is a definition: what is drawn while somebody types.

    `undo` and `redo` say what would be undone or redone; None where there is nothing. Number 0 is nobody's change yet.
    """

    type: str
    number: int
    text: str
    sound: str
    base: int | None
    undo: str | None
    redo: str | None
    changed_at: Micros | None


class DraftEdited(Struct, frozen=True):
    """The draft after an edit, what the edit came to, and the changes of others that it was put together with."""

    draft: Draft
    edited: Edited
    others: tuple[Change, ...] = ()


class Conflict(Struct, frozen=True):
    """An edit that was made against an older number and touches what was changed since; nothing was kept of it.

    `changes` are those since then, oldest first; empty where the number is too old to tell, or was never given.
    """

    draft: Draft
    changes: tuple[Change, ...]
    theirs: tuple[Difference, ...]
    mine: tuple[Difference, ...]


class Drafts:
    """The drafts of one catalogue. `beginning` gives the text and revision that a draft of a registered type starts
    from, and raises UnknownType for others. Whatever changes a draft is durable before it returns."""

    def __init__(self, engine: Engine, beginning: Callable[[str], tuple[str, int]]) -> None:
        self._engine = engine
        self._beginning = beginning

    def of(self, type: str) -> Draft:
        """The draft of a type; of a registered one that nobody edits the revision it would begin from, as number 0.

        Raises UnknownType.
        """
        with Session(self._engine) as session:
            row = session.get(DraftRow, type)
            if row is not None:
                return _draft(session, row)
        text, base = self._beginning(type)
        return Draft(type=type, number=0, text=text, sound=text, base=base, undo=None, redo=None, changed_at=None)

    def all(self) -> list[Change]:
        """The last change of each draft, the latest first; its `words` are the draft's type."""
        with Session(self._engine) as session:
            last = select(DraftRow, DraftChangeRow).join(
                DraftChangeRow,
                (col(DraftChangeRow.type) == col(DraftRow.type)) & (col(DraftChangeRow.number) == col(DraftRow.number)),
            )
            rows = session.exec(last).all()
        found = [Change(draft.number, draft.type, change.editor, change.at) for draft, change in rows]
        return sorted(found, key=lambda change: -change.at)

    def begin(self, type: str, text: str, words: str, editor: str = "") -> Draft:
        """A new draft of a type. Raises DraftThere, TooManyDrafts."""
        with writing(self._engine) as session:
            if session.get(DraftRow, type) is not None:
                raise DraftThere(type)
            return _draft(session, _begun(session, type, text, words, None, editor))

    def at(self, type: str, number: int) -> Draft | Conflict:
        """The draft, if it is still the one under `number`; else what was done to it since. Raises UnknownType."""
        with writing(self._engine) as session:
            row = self._row(session, type)
            return _draft(session, row) if number == row.number else _conflict(session, row, number, None)

    def discard(self, type: str, number: int) -> Conflict | None:
        """Forget a draft and its history; what was registered of it stays. One that is not there is forgotten already.

        A draft that is not the one under `number` any more is left alone: somebody's work would be lost unseen.
        """
        with writing(self._engine) as session:
            row = session.get(DraftRow, type)
            if row is None:
                return None
            if number != row.number:
                return _conflict(session, row, number, None)
            for table in (DraftChangeRow, DraftStepRow, DraftRow):
                session.execute(delete(table).where(col(table.type) == type))
            return None

    def edit(self, type: str, number: int, edit: Edit, editor: str = "") -> DraftEdited | EditRefused | Conflict:
        """Make an edit that was meant for the draft under `number`. Raises UnknownType."""
        with writing(self._engine) as session:
            row = self._row(session, type)
            step = _step(session, type, row.step)
            if number == row.number:
                answer: Edited | EditRefused | Conflict = _fitting(step.document, edit)
            else:
                answer = _put_together(session, row, step.document, number, edit)
            if not isinstance(answer, Edited):
                return answer
            others = _since(session, type, number)
            _record(session, row, step, answer, editor, by_hand=isinstance(edit, Rewrite))
            return DraftEdited(_draft(session, row), answer, others)

    def undo(self, type: str, number: int, editor: str = "") -> Draft | Conflict:
        """Take the last step back; nothing happens where there is none."""
        return self._turn(type, number, editor, _undone)

    def redo(self, type: str, number: int, editor: str = "") -> Draft | Conflict:
        """Make the step last undone again; nothing happens where there is none."""
        return self._turn(type, number, editor, _redone)

    def since(self, type: str, number: int) -> tuple[Change, ...]:
        """The changes after a number, oldest first; those that are still remembered."""
        with Session(self._engine) as session:
            return _since(session, type, number)

    def registered(self, type: str, revision: int) -> None:
        """Take note that the draft as it is now was registered as a revision."""
        with writing(self._engine) as session:
            row = session.get(DraftRow, type)
            if row is not None:
                row.base = revision

    def _turn(
        self, type: str, number: int, editor: str, turn: Callable[[Session, DraftRow], str | None]
    ) -> Draft | Conflict:
        with writing(self._engine) as session:
            row = self._row(session, type)
            if number != row.number:
                return _conflict(session, row, number, None)
            words = turn(session, row)
            if words is not None:
                _count(session, row, words, editor)
            return _draft(session, row)

    def _row(self, session: Session, type: str) -> DraftRow:
        row = session.get(DraftRow, type)
        if row is None:
            text, base = self._beginning(type)
            row = _begun(session, type, text, f"Begin from revision {base}", base, "")
        return row


def _begun(session: Session, type: str, text: str, words: str, base: int | None, editor: str) -> DraftRow:
    if session.exec(select(func.count()).select_from(DraftRow)).one() >= DRAFTS:
        raise TooManyDrafts(DRAFTS)
    now = _now()
    row = DraftRow(type=type, number=0, step=1, last_step=1, base=base)
    session.add(row)
    session.add(DraftStepRow(type=type, step=1, document=text, words=words, editor=editor, at=now))
    session.add(DraftChangeRow(type=type, number=0, step=1, words=words, editor=editor, at=now))
    session.flush()
    return row


def _fitting(text: str, edit: Edit) -> Edited | EditRefused:
    """The edit made on a text, kept to the size that a document may have."""
    answer = edited(text, edit)
    if isinstance(answer, Edited) and len(answer.text.encode()) > SIZE:
        return EditRefused(f"The document would have more than {SIZE:,} bytes; make several definitions of it.")
    return answer


def _put_together(
    session: Session, row: DraftRow, now: str, number: int, edit: Edit
) -> Edited | EditRefused | Conflict:
    """An edit meant for an older text, made on today's where the two touch different places."""
    known = session.get(DraftChangeRow, (row.type, number))
    base = None if known is None else _step(session, row.type, known.step).document
    alone = None if base is None else _fitting(base, edit)
    if base is None or not isinstance(alone, Edited):
        return _conflict(session, row, number, None)
    theirs, mine = _differing(base, now), _differing(base, alone.text)
    if theirs is None or mine is None or meet(mine, theirs):
        return _conflict(session, row, number, alone.text)
    if isinstance(edit, Rewrite):
        text = merged(base, alone.text, now)
        answer: Edited | EditRefused = EditRefused("") if text is None else Edited(text, alone.words, alone.selected)
    else:
        answer = _fitting(now, edit)
    if not isinstance(answer, Edited) or _differing(now, answer.text) != mine:
        return _conflict(session, row, number, alone.text)
    return answer


def _differing(before: str, after: str) -> list[Difference] | None:
    """What two texts differ in; None where one of them is no JSON."""
    try:
        return differences(orjson.loads(before), orjson.loads(after))
    except orjson.JSONDecodeError:
        return None


def _conflict(session: Session, row: DraftRow, number: int, mine: str | None) -> Conflict:
    known = session.get(DraftChangeRow, (row.type, number))
    theirs: Any = ()
    own: Any = ()
    if known is not None:
        base = _step(session, row.type, known.step).document
        theirs = _differing(base, _step(session, row.type, row.step).document) or ()
        own = (_differing(base, mine) or ()) if mine is not None else ()
    return Conflict(_draft(session, row), _since(session, row.type, number), tuple(theirs), tuple(own))


def _record(session: Session, row: DraftRow, step: DraftStepRow, done: Edited, editor: str, *, by_hand: bool) -> None:
    if done.text == step.document:
        return
    now = _now()
    typing = by_hand and step.by_hand and step.editor == editor and now - step.at < _TYPING
    # A text that is a definition is not typed over by one that is none: it is what is drawn meanwhile.
    typing = typing and (sound(done.text) or not sound(step.document))
    row.last_step += 1
    session.add(
        DraftStepRow(
            type=row.type,
            step=row.last_step,
            previous=step.previous if typing else step.step,
            document=done.text,
            words=done.words,
            editor=editor,
            at=now,
            by_hand=by_hand,
        )
    )
    row.step, row.undone = row.last_step, "[]"
    _count(session, row, done.words, editor)


def _undone(session: Session, row: DraftRow) -> str | None:
    step = _step(session, row.type, row.step)
    if step.previous is None or session.get(DraftStepRow, (row.type, step.previous)) is None:
        return None
    row.undone = msgspec.json.encode([*msgspec.json.decode(row.undone), row.step]).decode()
    row.step = step.previous
    return f"Undo: {step.words}"


def _redone(session: Session, row: DraftRow) -> str | None:
    undone = msgspec.json.decode(row.undone, type=list[int])
    if not undone:
        return None
    row.step, row.undone = undone[-1], msgspec.json.encode(undone[:-1]).decode()
    return f"Redo: {_step(session, row.type, row.step).words}"


def _count(session: Session, row: DraftRow, words: str, editor: str) -> None:
    """Give the draft its next number, and forget what is too long ago."""
    row.number += 1
    session.add(
        DraftChangeRow(type=row.type, number=row.number, step=row.step, words=words[:200], editor=editor, at=_now())
    )
    session.flush()
    change, step = DraftChangeRow, DraftStepRow
    session.execute(delete(change).where(col(change.type) == row.type, col(change.number) <= row.number - CHANGES))
    if row.number % 20 == 0:
        kept = _remembered(session, row)
        oldest = col(change.step).notin_(kept)
        session.execute(delete(change).where(col(change.type) == row.type, oldest))
        session.execute(delete(step).where(col(step.type) == row.type, col(step.step).notin_(kept)))


def _remembered(session: Session, row: DraftRow) -> set[int]:
    """The steps to keep: back from today's and those undone, then those that numbers stand for, as far as they fit."""
    step, change = DraftStepRow, DraftChangeRow
    known = {
        number: (previous, size)
        for number, previous, size in session.exec(
            select(step.step, step.previous, func.length(step.document)).where(step.type == row.type)
        )
    }
    line = [row.step, *msgspec.json.decode(row.undone, type=list[int])]
    at: int | None = row.step
    while at is not None and at in known and len(line) < STEPS:
        at = known[at][0]
        line += [at] if at in known else []
    recent = session.exec(select(change.step).where(change.type == row.type).order_by(col(change.number).desc()))
    kept: set[int] = set()
    room = BYTES
    for one in dict.fromkeys([*line, *recent]):
        if one is not None and one in known:
            room -= known[one][1]
            if room < 0 and kept:
                break
            kept.add(one)
    return kept


def _since(session: Session, type: str, number: int) -> tuple[Change, ...]:
    row = DraftChangeRow
    found = select(row).where(row.type == type, row.number > number).order_by(col(row.number))
    return tuple(Change(each.number, each.words, each.editor, each.at) for each in session.exec(found))


def _step(session: Session, type: str, step: int) -> DraftStepRow:
    found = session.get(DraftStepRow, (type, step))
    if found is None:
        raise UnknownType(type)
    return found


def _draft(session: Session, row: DraftRow) -> Draft:
    step = _step(session, row.type, row.step)
    previous = None if step.previous is None else session.get(DraftStepRow, (row.type, step.previous))
    undone = msgspec.json.decode(row.undone, type=list[int])
    redo = session.get(DraftStepRow, (row.type, undone[-1])) if undone else None
    return Draft(
        type=row.type,
        number=row.number,
        text=step.document,
        sound=_sound(session, step),
        base=row.base,
        undo=step.words if previous is not None else None,
        redo=redo.words if redo is not None else None,
        changed_at=step.at,
    )


def _sound(session: Session, step: DraftStepRow) -> str:
    """The latest text up to a step that is a definition."""
    at: DraftStepRow | None = step
    while at is not None:
        if sound(at.document):
            return at.document
        at = None if at.previous is None else session.get(DraftStepRow, (at.type, at.previous))
    return step.document


def _now() -> Micros:
    return time.time_ns() // 1_000
