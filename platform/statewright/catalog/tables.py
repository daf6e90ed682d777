"""The tables of the catalogue's database: revisions of definitions, drafts under way, what is known of refusals."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

ACTIVE_ONLY = text("status = 'active'")


class Table(SQLModel, registry=registry()):
    """The tables of this database alone: other rooms have theirs in other databases."""


class TypeRow(Table, table=True):
    """An entity type, and the last number given to a revision of it: numbers of deleted drafts are not given again."""

    __tablename__ = "entity_type"

    type: str = Field(primary_key=True)
    last_revision: int


class RevisionRow(Table, table=True):
    """One revision of a definition. `document` is the text as it came: a JSON column would reorder its keys.
    `problems` is the JSON list of what was found wrong with it when it was registered.

    Times are microseconds since 1970-01-01T00:00:00Z.
    """

    __tablename__ = "revision"
    __table_args__ = (
        UniqueConstraint("type", "digest"),
        Index("one_active_revision", "type", unique=True, sqlite_where=ACTIVE_ONLY, postgresql_where=ACTIVE_ONLY),
    )

    type: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    status: str
    digest: str
    document: str
    problems: str
    registered_at: int
    activated_at: int | None = None
    retired_at: int | None = None


class RefusalCountRow(Table, table=True):
    """How often an event was refused, by everything one may ask for. `hour` counts hours since 1970-01-01T00Z."""

    __tablename__ = "refusal_count"

    type: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    state: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    why: str = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    count: int


class RefusalRow(Table, table=True):
    """One refusal whole, as JSON in `refusal`, beside the columns it is searched by; only the latest are kept."""

    __tablename__ = "refusal"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    type: str
    state: str
    event: str
    why: str
    refusal: str


class BacktestRow(Table, table=True):
    """One backtest: which revision, how it stands, and in `tally`, as JSON, what it has found so far."""

    __tablename__ = "backtest"
    __table_args__ = (Index("backtests_of_revision", "type", "revision"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    type: str
    revision: int
    digest: str
    status: str
    asked_at: int
    started_at: int | None = None
    finished_at: int | None = None
    place: str = "0"
    goal: str | None = None
    share: float = 0.0
    attempts: int = 0
    error: str | None = None
    tally: str = "{}"


class SavedViewRow(Table, table=True):
    """A list that somebody saved: what is asked for, in which order, with which columns. `key` is its name folded."""

    __tablename__ = "saved_view"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    name: str
    query: str
    order: str
    columns: str
    changed_at: int


class BulkEventRow(Table, table=True):
    """One event for many entities: what is to be sent to whom, and how far the job is. JSON stands in `data`, `actor`.

    `name` stands in the ids of its commands, for good: numbers of a catalogue that was restored may be given again.
    """

    __tablename__ = "bulk_event"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    type: str
    event: str
    data: str
    actor: str
    query: str | None = None
    unmoved: bool = True
    status: str = Field(index=True)
    asked_at: int
    sent_at: int | None = None
    finished_at: int | None = None
    gathered: str | None = None
    total: int = 0
    error: str | None = None


class BulkRow(Table, table=True):
    """One entity of a bulk event, by its number in it. `foreseen` is what the preview came to, `became` what sending
    did, None while not known; `version` is that which the preview was decided on, then that which came of it."""

    __tablename__ = "bulk_row"
    __table_args__ = (
        UniqueConstraint("job", "entity"),
        Index("bulk_rows_by_outcome", "job", "became", "foreseen", "why", "number"),
    )

    job: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    entity: str
    foreseen: str | None = None
    became: str | None = None
    why: str | None = None
    detail: str | None = None
    version: int | None = None


class RunRow(Table, table=True):
    """One simulated life, named by a digest of all that is in it; `run` is its JSON. Only the latest are kept."""

    __tablename__ = "simulated_run"

    id: str = Field(primary_key=True)
    kept_at: int = Field(index=True)
    type: str
    run: str


class DraftRow(Table, table=True):
    """A definition being edited: where its history stands (`step`), and the steps that were undone, latest last, as a
    JSON list in `undone`. `number` rises with every change, undoing too. `base` is the revision it began from."""

    __tablename__ = "draft"

    type: str = Field(primary_key=True)
    number: int
    step: int
    last_step: int
    undone: str = "[]"
    base: int | None = None


class DraftStepRow(Table, table=True):
    """A text the draft had; `previous` is the step that undoing leads to."""

    __tablename__ = "draft_step"

    type: str = Field(primary_key=True)
    step: int = Field(primary_key=True)
    previous: int | None = None
    document: str
    words: str
    editor: str
    at: int
    by_hand: bool = False


class DraftChangeRow(Table, table=True):
    """Which step the draft came to under a number, how, when and by which editor. Times as above."""

    __tablename__ = "draft_change"

    type: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    step: int
    words: str
    editor: str
    at: int
