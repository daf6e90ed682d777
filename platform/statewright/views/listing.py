"""Lists of entities, a page at a time: any page is as quick as the first, since it begins where the last one ended."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Literal, NamedTuple

import msgspec

from statewright.consolidators.folding import Key
from statewright.consolidators.words import leaves_of_state
from statewright.machine.record import Leaves
from statewright.views.answers import EntityPage, EntityRow, state_of
from statewright.views.moment import Moment
from statewright.views.reading import View

Order = Literal["newest", "oldest", "id"]

_FEW = 5_000
"""Up to so many entities in the wanted states are sorted by id; beyond, walking all by id finds a page sooner."""

_AS_READ = {"stream_results": True}
"""Rows come from the server as they are read, and not all at once: a page ends long before the table does."""

_decode = msgspec.json.decode
_COLUMNS = (
    "type, entity, leaves, data, personal, version, revision, since, created_at, happened_at, recorded_at, actor,"
    " position"
)


class Wanted(NamedTuple):
    """Which entities, in which order, from where on, and how many."""

    type: str | None
    states: Collection[str]
    q: str | None
    order: Order
    after: str | None
    limit: int


def page_now(view: View, wanted: Wanted) -> EntityPage:
    """A page of entities as they are."""
    configurations = _configurations(view, wanted)
    rows = _by_id(view, wanted, configurations) if wanted.order == "id" else _by_activity(view, wanted, configurations)
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    next_ = _cursor(wanted.order, rows[-1]) if more else None
    return EntityPage([_entity_of(row) for row in rows], next_, view.place)


def _cursor(order: Order, row: Any) -> str:
    return f"{row[0]}/{row[1]}" if order == "id" else str(row[12])


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


def _configurations(view: View, wanted: Wanted) -> list[tuple[str, str, int]]:
    """Type, configuration and count of what there is of the wanted types and states."""
    sql = "select type, state, entities from entities_states_{n} where entities > 0"
    rows = view.rows(f"{sql} and type = ?", wanted.type) if wanted.type is not None else view.rows(sql)
    return [tuple(row) for row in rows if rests_in(leaves_of_state(row[1]), wanted.states)]


def rests_in(leaves: Leaves, states: Collection[str]) -> bool:
    """Whether one of `leaves` is one of `states` or lies within it; any will do when `states` is empty."""
    return not states or any(leaf == state or leaf.startswith(f"{state}.") for leaf in leaves for state in states)


def _by_activity(view: View, wanted: Wanted, configurations: Sequence[tuple[str, str, int]]) -> list[Any]:
    """One row more than asked for, merged from the configurations, each of which the index has in order."""
    newest = wanted.order == "newest"
    after = _position(wanted.after)
    where, values = "type = ? and state = ?", list[Any]()
    if after is not None:
        where, values = f"{where} and position {'<' if newest else '>'} ?", [after]
    if wanted.q:
        where, values = f"{where} and {_CONTAINS}", [*values, _part(wanted.q)]
    sql = (
        f"select position, born from entities_{{n}} where {where}"  # noqa: S608
        f" order by position {'desc' if newest else 'asc'} limit ?"
    )
    pieces = [view.rows(sql, type_, state, *values, wanted.limit + 1) for type_, state, _ in configurations]
    merged = heapq.merge(*pieces, key=lambda found: found[0], reverse=newest)
    keys = [born for (_, born), _ in zip(merged, range(wanted.limit + 1), strict=False)]
    rows = {row[-1]: row for row in _of_keys(view, keys)}
    return [rows[key] for key in keys]


def _of_keys(view: View, keys: Sequence[int]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        marks = ", ".join("?" * len(some))
        found += view.rows(f"select {_COLUMNS}, born from entities_{{n}} where born in ({marks})", *some)  # noqa: S608
    return found


def _by_id(view: View, wanted: Wanted, configurations: Sequence[tuple[str, str, int]]) -> list[Any]:
    where, values = ["1 = 1"], list[Any]()
    if wanted.type is not None:
        where, values = ["type = ?"], [wanted.type]
    if wanted.after is not None:
        where, values = [*where, "(type, entity) > (?, ?)"], [*values, *_key(wanted.after)]
    if wanted.q:
        where, values = [*where, _CONTAINS], [*values, _part(wanted.q)]
    order = "type, entity"
    if wanted.states:
        states = sorted({state for _, state, _ in configurations})
        few = sum(count for _, _, count in configurations) <= _FEW
        # What is no bare column keeps the planner from an index: that of the ids, or that of the states.
        column, order = ("state", "type || '', entity || ''") if few else ("coalesce(state, '')", order)
        where, values = [*where, f"{column} in ({', '.join('?' * len(states))})"], [*values, *states]
    sql = f"select {_COLUMNS} from entities_{{n}} where {' and '.join(where)} order by {order} limit ?"  # noqa: S608
    return view.rows(sql, *values, wanted.limit + 1)


_CONTAINS = "entity like ? escape '!'"


def _part(q: str) -> str:
    """`q` anywhere, for `_CONTAINS`."""
    return f"%{q.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"


def _position(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise ValueError(f"{after[:40]!r} is not where a page of this list ended; hand `next` back as it came")
    return int(after)


def _key(after: str) -> Key:
    type_, slash, entity = after.rpartition("/")  # no id has a slash in it
    if not (slash and type_ and entity):
        raise ValueError(f"{after[:40]!r} is not where a page of this list ended; hand `next` back as it came")
    return type_, entity


def page_then(view: View, wanted: Wanted, moment: Moment) -> EntityPage:
    """A page of entities as they rested at a moment, by type and id, from the view `stays`."""
    where, values = moment.covers, list[Any](moment.values)
    if wanted.type is not None:
        where, values = f"type = ? and {where}", [wanted.type, *values]
    if wanted.after is not None:
        where, values = f"{where} and (type, entity) > (?, ?)", [*values, *_key(wanted.after)]
    if wanted.q:
        where, values = f"{where} and {_CONTAINS}", [*values, _part(wanted.q)]
    sql = f"select type, entity, state, from_at from stays_{view.generation} where {where} order by type, entity"  # noqa: S608
    found: list[tuple[Key, list[Any]]] = []
    # Closed when enough was read: a cursor left open would hold its snapshot, and with it every writer's checkpoint.
    found_then = view.connection.exec_driver_sql(sql, tuple(values), execution_options=_AS_READ)
    with closing(found_then) as stays_then:
        for key, rows in groupby(stays_then, key=lambda row: (row[0], row[1])):
            stays = list(rows)
            if rests_in(tuple(stay[2] for stay in stays), wanted.states):
                found.append((key, stays))
            if len(found) > wanted.limit:
                break
    more = len(found) > wanted.limit
    found = found[: wanted.limit]
    combined = _last_combined(view, [key for key, _ in found], moment)
    items = [_as_it_was(key, stays, combined.get(key), moment) for key, stays in found]
    return EntityPage(items, f"{items[-1].type}/{items[-1].entity}" if more else None, view.place)


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
