"""References between entities: whom an entity names, who names it, and what is still open."""

from __future__ import annotations

import msgspec

from statewright.consolidators.words import leaves_of_state
from statewright.views.answers import state_of
from statewright.views.measures import Reference, References, Related, RelationCount
from statewright.views.reading import View

_NAMES = (
    "select 1 as names, r.relation as relation, r.to_type as type, r.to_entity as entity, e.state, r.since"
    " from relations_{n} r left join entities_{e} e on e.type = r.to_type and e.entity = r.to_entity"
    " where r.type = ? and r.entity = ?"
)
_NAMED = (
    "select 0 as names, r.relation as relation, r.type as type, r.entity as entity, e.state, r.since"
    " from relations_{n} r left join entities_{e} e on e.type = r.type and e.entity = r.entity"
    " where r.to_type = ? and r.to_entity = ?"
)
_COUNTS = (
    "select r.relation, r.to_type, count(*), count(distinct r.entity), count(*) - count(e.entity)"
    " from relations_{n} r left join entities_{e} e on e.type = r.to_type and e.entity = r.to_entity"
    " where r.type = ? group by r.relation, r.to_type order by r.relation, r.to_type"
)
_Cursor = tuple[int, str, str, str]
_decode_cursor = msgspec.json.Decoder(_Cursor).decode


def related(
    relations: View, entities: View, type: str, entity: str, after: str | None, limit: int, names: bool | None
) -> Related:
    """A page of the references of one entity, by relation, type and id. Raises ValueError for no `after` of ours."""
    kinds = [sql for sql, told in ((_NAMES, True), (_NAMED, False)) if names in (None, told)]
    beyond = _cursor_of(after)
    sql = " union all ".join(kinds)
    if beyond:
        sql = f"select * from ({sql}) as found where (-names, relation, type, entity) > (?, ?, ?, ?)"  # noqa: S608 - our own
    sql += " order by names desc, relation, type, entity limit ?"
    values = [*([type, entity] * len(kinds)), *beyond, limit + 1]
    rows = relations.rows(sql.replace("{e}", str(entities.generation)), *values)
    items = [
        Reference(bool(told), relation, other, id, state_of(leaves_of_state(state)) if state else None, since)
        for told, relation, other, id, state, since in rows[:limit]
    ]
    more = len(rows) > limit
    return Related(type, entity, relations.place, items, _text_of(items[-1]) if more else None)


def counts(relations: View, entities: View, type: str) -> References:
    """How many references there are under each relation of a type, and how many name nobody yet."""
    rows = relations.rows(_COUNTS.replace("{e}", str(entities.generation)), type)
    return References(type, relations.place, [RelationCount(*row) for row in rows])


def _cursor_of(after: str | None) -> tuple[int | str, ...]:
    if after is None:
        return ()
    try:
        names, *rest = _decode_cursor(after)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise ValueError(f"{after[:40]!r} was not given by a page; hand it back as it came") from None
    return (-names, *rest)


def _text_of(item: Reference) -> str:
    return msgspec.json.encode((int(item.names), item.relation, item.type, item.entity)).decode()
