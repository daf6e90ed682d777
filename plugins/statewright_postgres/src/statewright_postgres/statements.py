"""Every statement that is run on a log, with a sentence on each."""

from __future__ import annotations

# Numbers come as the text of an array and records as lines: an array of values costs the driver a look at each of them.
_RAISED = """
with raised as (
    update log_head set position = position + $1, entities = entities + $2,
        stamped_before = stamped, stamped = greatest(stamped, $3)
    returning position - $1 as position, entities - $2 as entities, stamped_before
)"""
# A key below zero is an entity that is made here: -1 the first, -2 the second. What is stamped otherwise than its
# committer's clock showed keeps that clock. Where all of the group was decided at one moment, $3, there are no moments
# and clocks of each: an array that is null has a null for each row.
_WRITTEN = """, written as (
    insert into transition (position, entity, version, recorded_at, clock, command, record)
    select raised.position + n, case when key < 0 then raised.entities - key else key end, version,
        greatest(coalesce(moment, $3), stamped_before),
        nullif(coalesce(clock, $3), greatest(coalesce(moment, $3), stamped_before)), command, record
    from raised, rows from (
        unnest($4::text::bigint[]), unnest($5::text::integer[]), unnest($6::text::bigint[]), unnest($7::text::bigint[]),
        unnest($8::text[]), string_to_table($9, e'\\n')
    ) with ordinality as told (key, version, moment, clock, command, record, n)
)"""
_MADE = """, made as (
    insert into entity (key, type, id)
    select raised.entities + n, type, id
    from raised, unnest($10::text[], $11::text[]) with ordinality as told (type, id, n)
)"""
# Behind `raised`, whose lock puts these rows in an order too: two processes could wait for each other's otherwise.
_KEPT = """, kept as (
    insert into head (entity, version, head, sealed)
    select told.entity, told.version, told.head, told.sealed
    from raised, unnest($12::bigint[], $13::integer[], $14::text[], $15::text[]) as told (entity, version, head, sealed)
    on conflict (entity) do update
        set version = excluded.version, head = excluded.head, sealed = excluded.sealed
        where head.version < excluded.version
)"""
_ENDED = " select position, entities, stamped_before from raised"

APPEND = _RAISED + _WRITTEN + _ENDED
"""Record a group of transitions of entities that are there, all or nothing: (entity, version) is unique."""

APPEND_WITH_NEW = _RAISED + _WRITTEN + _MADE + _ENDED
"""The same, where some of the entities are made by the group."""

APPEND_WITH_ALL = _RAISED + _WRITTEN + _MADE + _KEPT + _ENDED
"""The same, with snapshots of heads that were recorded before."""

KEEP = """
insert into head (entity, version, head, sealed)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::text[])
on conflict (entity) do update set version = excluded.version, head = excluded.head, sealed = excluded.sealed
    where head.version < excluded.version"""
"""Keep snapshots of heads by themselves."""

APPEND_WHAT_FITS = """
-- Of a group in which some command lost: record those that still fit, each whole or not at all, and say who stands in
-- the way of the others. Arrays with one element per transition, in order; `whose` counts entities, `commands`
-- commands. The lock is taken first, and each later statement sees what was committed until then.
create function append_what_fits(
    types text[], ids text[], commands integer[], whose integer[], versions integer[], moments bigint[],
    clocks bigint[], late text[], records text[],
    out positions bigint[], out stamps bigint[], out misfits integer[], out keys bigint[]
) language plpgsql as $body$
declare
    ended log_head%rowtype;
    stands integer[];
    lost boolean[] := array_fill(false, array[cardinality(types)]);
    takes bigint[] := array_fill(null::bigint, array[cardinality(commands)]);
    times bigint[] := array_fill(null::bigint, array[cardinality(commands)]);
    place bigint;
    stamp bigint;
    made bigint;
    first integer := 1;
    beyond integer;
    who integer;
    misfit integer;
begin
    select * into strict ended from log_head for update;
    place := ended.position;
    stamp := ended.stamped;
    made := ended.entities;
    select array_agg(known.key order by n), array_agg(coalesce(last.version, 0) order by n) into keys, stands
    from unnest(types, ids) with ordinality as asked (type, id, n)
    left join entity as known on known.type = asked.type and known.id = asked.id
    left join lateral (
        select version from transition where entity = known.key order by version desc limit 1
    ) as last on true;

    while first <= cardinality(commands) loop
        misfit := null;
        beyond := first;
        while beyond <= cardinality(commands) and commands[beyond] = commands[first] loop
            who := whose[beyond];
            if misfit is null then
                if lost[who] or stands[who] <> versions[beyond] - 1 then
                    misfit := who;
                    for done in reverse beyond - 1 .. first loop
                        stands[whose[done]] := versions[done] - 1;
                    end loop;
                else
                    stands[who] := versions[beyond];
                end if;
            end if;
            beyond := beyond + 1;
        end loop;
        misfits := array_append(misfits, misfit);
        positions := array_append(positions, case when misfit is null then place end);
        if misfit is null then
            stamp := greatest(stamp, moments[first]);
            for at in first .. beyond - 1 loop
                place := place + 1;
                takes[at] := place;
                times[at] := stamp;
            end loop;
        else
            for at in first .. beyond - 1 loop
                lost[whose[at]] := true;
            end loop;
        end if;
        stamps := array_append(stamps, stamp);
        first := beyond;
    end loop;

    if place = ended.position then
        return;
    end if;
    for who in 1 .. cardinality(types) loop
        if keys[who] is null and stands[who] > 0 then
            made := made + 1;
            keys[who] := made;
        end if;
    end loop;
    insert into entity (key, type, id)
    select key, type, id from unnest(keys, types, ids) as told (key, type, id) where key > ended.entities;
    insert into transition (position, entity, version, recorded_at, clock, command, record)
    select take, keys[entity], version, recorded_at, nullif(clock, recorded_at), command, record
    from unnest(takes, times, whose, versions, clocks, late, records)
        as told (take, recorded_at, entity, version, clock, command, record)
    where take is not null;
    update log_head set position = place, entities = made, stamped_before = stamped, stamped = stamp;
end $body$;
"""

TRY = """
select positions, stamps, misfits, keys from append_what_fits(
    $1, $2, $3::text::integer[], $4::text::integer[], $5::text::integer[], $6::text::bigint[], $7::text::bigint[], $8,
    string_to_array($9, e'\\n')
)"""
"""Record what still fits of a group; see there."""

LOCK = "select position, entities, stamped from log_head for update"
"""Wait until every append under way has ended, and let none begin before this transaction has."""

STANDING = """
select n, found.key, coalesce(last.version, 0) as version
from unnest($1::text[], $2::text[]) with ordinality as asked (type, id, n)
join entity as found on found.type = asked.type and found.id = asked.id
left join lateral (
    select version from transition where entity = found.key order by version desc limit 1
) as last on true"""
"""Of those of many entities that are there, the key and the version."""

ADOPT_ENTITIES = """
insert into entity (key, type, id)
select $1::bigint + n, type, id from unnest($2::text[], $3::text[]) with ordinality as told (type, id, n)"""
"""Make entities, whose keys go on behind the last one."""

ADOPT = """
insert into transition (position, entity, version, recorded_at, command, record)
select $1::bigint + n, key, version, recorded_at, command, record
from rows from (
    unnest($2::text::bigint[]), unnest($3::text::integer[]), unnest($4::text::bigint[]), unnest($5::text[]),
    string_to_table($6, e'\\n')
) with ordinality as told (key, version, recorded_at, command, record, n)"""
"""Write transitions of another log, whose times and clocks are what they were."""

RAISE = "update log_head set position = $1, entities = $2, stamped_before = stamped, stamped = $3"
"""Where the log ends behind them."""

# Many rows come as one: two strings, of numbers of eight bytes each and of JSON, are taken apart in C, rows are not.
# They are put together in the order in which they are read; `order by` in there would sort what is sorted.
_PACKED = """
select string_agg(int8send(position) || int8send(recorded_at) || int8send(coalesce(clock, -1)), '') as stamps,
    string_agg(record, ',') as records
from """

READ = """
select max(position) as last, count(*) as rows, min(position) as first, count(clock) as clocks,
    string_agg(int8send(recorded_at), '') as stamps, string_agg(record, ',') as records
from (select * from transition where position > $1 order by position limit $2) as page"""
"""A page of the log after a position. Its positions have no gaps unless somebody took rows out."""

READ_WITH_CLOCKS = f"""{_PACKED} (
    select * from transition where position > $1 and position <= $2 order by position
) as page"""
"""The transitions between two positions, where some were stamped otherwise than their committer's clock showed."""

READ_ENTITY = f"""{_PACKED} (
    select * from transition where entity = (select key from entity where type = $1 and id = $2) and version > $3
    order by version limit $4
) as page"""
"""A page of an entity's transitions above a version."""

READ_ONE_BY_ONE = "select position, record from transition where position = any($1) order by position"
"""The same rows by themselves, to find which of them cannot be read."""

HEADS = f"""
select n, found.key, head.head, head.sealed, rest.stamps, rest.records
from unnest($1::text[], $2::text[]) with ordinality as asked (type, id, n)
join entity as found on found.type = asked.type and found.id = asked.id
left join head on head.entity = found.key
left join lateral (
    {_PACKED} (
        select * from transition where entity = found.key and version > coalesce(head.version, 0) order by version
    ) as page
) as rest on true"""
"""What heads are made of: the snapshot, if there is one, and the transitions after it."""

EARLY = f"""{_PACKED} (
    select * from transition where entity = (select key from entity where type = $1 and id = $2) and version <= $3
    order by version
) as page"""
"""The transitions among which a command is looked for by scan."""

LATE = """
select min(position) from transition
where entity = (select key from entity where type = $1 and id = $2) and command = $3"""
"""Where a command stands that made a later version of an entity."""

LATE_COMMANDS = """
select distinct n from unnest($1::text[], $2::text[], $3::text[]) with ordinality as asked (type, id, command, n)
join entity as found on found.type = asked.type and found.id = asked.id
join transition as made on made.entity = found.key and made.command = asked.command"""
"""Which of many commands made a later version of their entity."""

LATEST = "select position from log_head"
"""Where the log ends."""

SAFETY = """
select current_setting('server_version_num')::integer as version, current_setting('server_encoding') as encoding,
    current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit, pg_is_in_recovery() as standby,
    (select backend_start from pg_stat_activity where pid = pg_backend_pid()) as started"""
"""What a server must be asked before its word is taken for anything."""

END = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where pid = $1 and backend_start is not distinct from $2"""
"""End a session whose connection was lost in an append; no row when it has ended."""

SETTLE = "update log_head set position = position"
"""Wait until all that can be seen is as durable as this: behind every append under way, and on the standbys too."""

STANDS = "select entity, version, recorded_at from transition where position = $1"
"""What tells whether the log still holds what was recorded in it."""

RING = "select pg_notify($1, $2)"
"""Tell the sessions that listen how far the log goes."""
