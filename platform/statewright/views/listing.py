"""Lists of entities, a page at a time: any page is as quick as the first, since it begins where the last one ended.

What asks for more than types and states is looked for row by row, in stretches of a few thousand rows along the order
of the list, and no longer than people wait: a page may then hold few rows, or none, and still say where to look on.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Literal, NamedTuple

import msgspec

from statewright.consolidators.folding import Key
from statewright.consolidators.words import leaves_of_state
from statewright.machine.moments import Micros
from statewright.machine.record import Leaves
from statewright.views.answers import EntityPage, EntityRow, state_of
from statewright.views.moment import Moment
from statewright.views.query.conditions import POSTGRESQL, SQLITE, Condition, conditions_of
from statewright.views.query.terms import WORD, BadQuery, Fault, Query
from statewright.views.reading import View

Order = Literal["newest", "oldest", "longest", "shortest", "id"]

_FEW = 5_000
"""Up to so many entities in the wanted states are sorted by id; beyond, walking all by id finds a page sooner."""
STRETCH = 4_000
"""How many rows are looked at before it is asked whether to go on."""
PATIENCE_S = 0.06
"""How long rows that fit are looked for before a page is given with those that were found."""

_AS_READ = {"stream_results": True}
"""Rows come from the server as they are read, and not all at once: a page ends long before the table does."""

_decode = msgspec.json.decode
_COLUMNS = (
    "type, entity, leaves, data, personal, version, revision, since, created_at, happened_at, recorded_at, actor,"
    " position"
)


class Wanted(NamedTuple):
    """Which entities, in which order, from where on, and how many; ages in the query count back from `now`."""

    query: Query
    order: Order
    after: str | None
    limit: int
    now: Micros


class _Walk(NamedTuple):
    """An order that an index has, for one type and configuration: its columns, and which way it goes."""

    columns: tuple[str, ...]
    rising: bool

    @property
    def key(self) -> str:
        return ", ".join(self.columns)

    @property
    def way(self) -> str:
        direction = "asc" if self.rising else "desc"
        return ", ".join(f"{column} {direction}" for column in self.columns)

    def beyond(self, key: tuple[int, ...] | None) -> Condition:
        """What lies after a key."""
        return self._side(">" if self.rising else "<", key)

    def up_to(self, key: tuple[int, ...] | None) -> Condition:
        """What lies before a key, itself included."""
        return self._side("<=" if self.rising else ">=", key)

    def _side(self, sign: str, key: tuple[int, ...] | None) -> Condition:
        if key is None:
            return Condition("")
        marks = ", ".join("?" * len(key))
        return Condition(f"({self.key}) {sign} ({marks})" if len(key) > 1 else f"{self.key} {sign} ?", key)


_WALKS = {
    "newest": _Walk(("position",), False),
    "oldest": _Walk(("position",), True),
    "longest": _Walk(("since", "born"), True),
    "shortest": _Walk(("since", "born"), False),
}


def page_now(view: View, wanted: Wanted) -> EntityPage:
    """A page of entities as they are."""
    configurations = _configurations(view, wanted.query)
    if wanted.order == "id":
        rows, next_ = _by_id(view, wanted, configurations)
    else:
        rows, next_ = _by_walk(view, wanted, configurations)
    return EntityPage([_entity_of(row) for row in rows], next_, view.place)


def tally(view: View, query: Query, now: Micros) -> Counter[tuple[str, str]]:
    """How many entities fit, by type and configuration as text; without conditions, as quick as the list of those."""
    configurations = _configurations(view, query)
    fitting = _fitting(view, query, now)
    if not fitting.sql or not configurations:
        return Counter({(type, state): count for type, state, count in configurations})
    types = sorted({type for type, _, _ in configurations})
    wanted = {(type, state) for type, state, _ in configurations}
    sql = (
        f"select type, state, count(*) from entities_{{n}} where type in ({_marks(types)})"  # noqa: S608 - marks
        f" and {fitting.sql} group by type, state"
    )
    rows = view.rows(sql, *types, *fitting.values)
    return Counter({(type, state): count for type, state, count in rows if (type, state) in wanted})


def _fitting(view: View, query: Query, now: Micros) -> Condition:
    sqlite = view.connection.dialect.name == "sqlite"
    return conditions_of(query, now, SQLITE if sqlite else POSTGRESQL)


def _entity_of(row: Any) -> EntityRow:
    type_, entity, leaves, data, personal, version, revision, since, created_at, happened_at, recorded_at, actor = row[
        :12
    ]
    active = _decode(leaves, type=Leaves)
    return EntityRow(
        type=type_,
        entity=entity,
        state=state_of(active),
        leaves=active,
        since=since,
        data=_decode(data),
        personal=_decode(personal) if personal else {},
        version=version,
        revision=revision,
        created_at=created_at,
        happened_at=happened_at,
        recorded_at=recorded_at,
        actor=actor,
    )


def _configurations(view: View, query: Query) -> list[tuple[str, str, int]]:
    """Type, configuration and count of what there is of the wanted types and states."""
    sql, types = "select type, state, entities from entities_states_{n} where entities > 0", query.types
    rows = view.rows(f"{sql} and type in ({_marks(types)})", *types) if types else view.rows(sql)
    return [tuple(row) for row in rows if query.holds_for(row[0], leaves_of_state(row[1]))]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _and(*conditions: Condition) -> Condition:
    """All of them; empty ones ask for nothing."""
    asked = [condition for condition in conditions if condition.sql]
    sql = " and ".join(condition.sql for condition in asked)
    return Condition(sql, tuple(value for condition in asked for value in condition.values))


# --- by what happened


def _by_walk(
    view: View, wanted: Wanted, configurations: Sequence[tuple[str, str, int]]
) -> tuple[list[Any], str | None]:
    """A page merged from the configurations, each of which an index has in order, and where the next one begins."""
    walk = _WALKS[wanted.order]
    after = _keys(wanted.after, len(walk.columns))
    fitting = _fitting(view, wanted.query, wanted.now)
    keys: list[tuple[int, ...]] = []
    late, rows_each = time.monotonic() + PATIENCE_S, max(STRETCH // max(len(configurations), 1), 100)
    while True:
        end = _end_of_stretch(view, walk, configurations, after, rows_each) if fitting.sql else None
        where = _and(walk.beyond(after), walk.up_to(end), fitting)
        keys += _merged(view, walk, configurations, where, wanted.limit + 1 - len(keys))
        if end is None or len(keys) > wanted.limit:
            break
        after, rows_each = end, rows_each * 2
        if time.monotonic() > late:
            return _of_keys(view, keys), _written(end)
    rows = _of_keys(view, keys[: wanted.limit])
    return rows, _written(keys[wanted.limit - 1][: len(walk.columns)]) if len(keys) > wanted.limit else None


def _merged(
    view: View, walk: _Walk, configurations: Sequence[tuple[str, str, int]], where: Condition, limit: int
) -> list[tuple[int, ...]]:
    """The first `limit` keys of what fits, each with `born` at its end."""
    more = f" and {where.sql}" if where.sql else ""
    born = "" if walk.columns[-1] == "born" else ", born"
    sql = (
        f"select {walk.key}{born} from entities_{{n}} where type = ? and state = ?{more}"  # noqa: S608 - our own names
        f" order by {walk.way} limit ?"
    )
    pieces = [view.rows(sql, type_, state, *where.values, limit) for type_, state, _ in configurations]
    merged = heapq.merge(*(map(tuple, piece) for piece in pieces), reverse=not walk.rising)
    return [key for key, _ in zip(merged, range(limit), strict=False)]


def _end_of_stretch(
    view: View, walk: _Walk, configurations: Sequence[tuple[str, str, int]], after: tuple[int, ...] | None, rows: int
) -> tuple[int, ...] | None:
    """Where to stop for a moment: the nearest key with so many rows of one configuration before it; None for none."""
    where = walk.beyond(after)
    more = f" and {where.sql}" if where.sql else ""
    sql = (
        f"select {walk.key} from entities_{{n}} where type = ? and state = ?{more}"  # noqa: S608 - our own names
        f" order by {walk.way} limit 1 offset ?"
    )
    found = [
        tuple(row)
        for type_, state, count in configurations
        if count > rows
        for row in view.rows(sql, type_, state, *where.values, rows)
    ]
    if not found:
        return None
    return min(found) if walk.rising else max(found)


def _of_keys(view: View, keys: Sequence[tuple[int, ...]]) -> list[Any]:
    """The rows of keys that end with `born`, in their order."""
    found: dict[int, Any] = {}
    for start in range(0, len(keys), 500):
        some = [key[-1] for key in keys[start : start + 500]]
        sql = f"select {_COLUMNS}, born from entities_{{n}} where born in ({_marks(some)})"  # noqa: S608 - marks
        found.update((row[-1], row) for row in view.rows(sql, *some))
    return [found[key[-1]] for key in keys]


def _keys(after: str | None, count: int) -> tuple[int, ...] | None:
    """Where a page ended: so many whole numbers. Raises ValueError for what no page gave."""
    if after is None:
        return None
    parts = after.split("~")
    if len(parts) != count or not all(_is_whole(part, count > 1) for part in parts):
        raise ValueError(f"{after[:40]!r} is not where a page of this list ended; hand `next` back as it came")
    return tuple(int(part) for part in parts)


def _is_whole(text: str, signed: bool) -> bool:
    digits = text.removeprefix("-") if signed else text  # business time may lie before 1970
    return digits.isascii() and digits.isdigit() and len(digits) < 19


def _written(key: tuple[int, ...]) -> str:
    return "~".join(str(part) for part in key)


# --- by id


def _by_id(view: View, wanted: Wanted, configurations: Sequence[tuple[str, str, int]]) -> tuple[list[Any], str | None]:
    """A page by type and id, and where the next one begins."""
    after = None if wanted.after is None else _key(wanted.after)
    types = sorted({type for type, _, _ in configurations})
    if not types:
        return [], None
    of_types = Condition(f"type in ({_marks(types)})", tuple(types))
    few = sum(count for _, _, count in configurations) <= _FEW
    fitting = _and(_in_states(wanted.query, configurations, few), _fitting(view, wanted.query, wanted.now))
    # What is no bare column keeps the planner from an index: that of the ids, or that of the states.
    order = "type || '', entity || ''" if few and wanted.query.of("state") else "type, entity"
    late = time.monotonic() + PATIENCE_S
    rows: list[Any] = []
    while True:
        end = None if few or not fitting.sql else _end_by_id(view, of_types, after)
        where = _and(of_types, _beyond(">", after), _beyond("<=", end), fitting)
        sql = f"select {_COLUMNS} from entities_{{n}} where {where.sql} order by {order} limit ?"  # noqa: S608
        rows += view.rows(sql, *where.values, wanted.limit + 1 - len(rows))
        if end is None or len(rows) > wanted.limit:
            break
        after = end
        if time.monotonic() > late:
            return rows, f"{end[0]}/{end[1]}"
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    return rows, f"{rows[-1][0]}/{rows[-1][1]}" if more else None


def _in_states(query: Query, configurations: Sequence[tuple[str, str, int]], few: bool) -> Condition:
    if not query.of("state"):
        return Condition("")
    column = "state" if few else "coalesce(state, '')"
    per_type: dict[str, list[str]] = {}
    for type, state, _ in configurations:
        per_type.setdefault(type, []).append(state)
    if len({tuple(states) for states in per_type.values()}) == 1:  # the same in every type: no need to tell them apart
        states = next(iter(per_type.values()))
        return Condition(f"{column} in ({_marks(states)})", tuple(states))
    parts = [f"(type = ? and {column} in ({_marks(states)}))" for states in per_type.values()]
    values = [value for type, states in per_type.items() for value in (type, *states)]
    return Condition(f"({' or '.join(parts)})", tuple(values))


def _beyond(sign: str, key: Key | None) -> Condition:
    return Condition("") if key is None else Condition(f"(type, entity) {sign} (?, ?)", key)


def _end_by_id(view: View, of_types: Condition, after: Key | None) -> Key | None:
    where = _and(of_types, _beyond(">", after))
    sql = f"select type, entity from entities_{{n}} where {where.sql} order by type, entity limit 1 offset ?"  # noqa: S608
    return next((tuple(row) for row in view.rows(sql, *where.values, STRETCH)), None)


def _key(after: str) -> Key:
    type_, slash, entity = after.rpartition("/")  # no id has a slash in it
    if not (slash and type_ and entity):
        raise ValueError(f"{after[:40]!r} is not where a page of this list ended; hand `next` back as it came")
    return type_, entity


# --- as it was


def page_then(view: View, wanted: Wanted, moment: Moment) -> EntityPage:
    """A page of entities as they rested at a moment, by type and id, from the view `stays`."""
    narrowed = _and(Condition(moment.covers, tuple(moment.values)), _then(wanted.query))
    if wanted.query.types:
        narrowed = _and(Condition(f"type in ({_marks(wanted.query.types)})", tuple(wanted.query.types)), narrowed)
    if wanted.after is not None:
        narrowed = _and(narrowed, _beyond(">", _key(wanted.after)))
    where, values = narrowed
    sql = f"select type, entity, state, from_at from stays_{view.generation} where {where} order by type, entity"  # noqa: S608
    found: list[tuple[Key, list[Any]]] = []
    # Closed when enough was read: a cursor left open would hold its snapshot, and with it every writer's checkpoint.
    found_then = view.connection.exec_driver_sql(sql, tuple(values), execution_options=_AS_READ)
    with closing(found_then) as stays_then:
        for key, rows in groupby(stays_then, key=lambda row: (row[0], row[1])):
            stays = list(rows)
            if wanted.query.holds_for(key[0], tuple(stay[2] for stay in stays)):
                found.append((key, stays))
            if len(found) > wanted.limit:
                break
    more = len(found) > wanted.limit
    found = found[: wanted.limit]
    combined = _last_combined(view, [key for key, _ in found], moment)
    items = [_as_it_was(key, stays, combined.get(key), moment) for key, stays in found]
    return EntityPage(items, f"{items[-1].type}/{items[-1].entity}" if more else None, view.place)


def _then(query: Query) -> Condition:
    """What the query asks of an id; of the past no more is kept. Raises BadQuery for what else it asks."""
    faults = [
        Fault(term.at, max(term.end - term.at, 1), "as of an earlier moment, only type, state and id can be asked for")
        for term in query.terms
        if term.field not in ("type", "state", "id", WORD)
    ]
    if faults:
        raise BadQuery(faults)
    return conditions_of(query, 0)


def _last_combined(view: View, keys: Sequence[Key], moment: Moment) -> dict[Key, Any]:
    """Each entity's last configuration of several leaves that had begun: state, from_at, to_at, whether it ended."""
    found: dict[Key, Any] = {}
    ended = f"to_{moment.column} is not null and to_{moment.column} <= ?"
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        pairs = ", ".join(["(?, ?)"] * len(some))
        sql = (
            f"select type, entity, state, from_at, to_at, {ended} from stays_combined_{{n}}"  # noqa: S608
            f" where (type, entity) in (values {pairs}) and {moment.begun} order by from_position"
        )
        for type_, entity, *row in view.rows(sql, moment.at, *(part for key in some for part in key), moment.at):
            found[type_, entity] = row
    return found


def _as_it_was(key: Key, stays: Sequence[Any], combined: Any, moment: Moment) -> EntityRow:
    leaves: Leaves = tuple(stay[2] for stay in stays)
    since = max(stay[3] for stay in stays)
    if combined is not None:
        state, from_at, to_at, ended = combined
        if ended:  # a region may have closed without another leaf being entered
            since = max(since, to_at)
        else:
            leaves, since = leaves_of_state(state), from_at
    return EntityRow(type=key[0], entity=key[1], state=state_of(leaves), leaves=leaves, since=since)


def longest(view: View, type: str, states: Sequence[str], limit: int) -> list[EntityRow]:
    """The entities that entered one of these configurations first and are still in it, oldest first."""
    marks = ", ".join("?" * len(states))
    sql = (
        f"select {_COLUMNS} from entities_{{n}} where type = ? and state in ({marks})"  # noqa: S608
        " order by since, born limit ?"
    )
    return [_entity_of(row) for row in view.rows(sql, type, *states, limit)]
