"""What whole types did, counted by the plainest means from all transitions, and held against what the views say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from statewright.machine.record import Record
from statewright.stores.words import Ref
from statewright.views import Lengths, Views

DAY = 86_400_000_000
Life = Sequence[Record]


def lives_of(records: Iterable[Record], type: str) -> list[Life]:
    lives: dict[Ref, list[Record]] = defaultdict(list)
    for record in records:
        if record.type == type:
            lives[Ref(record.type, record.entity)].append(record)
    return list(lives.values())


def times_of(life: Life) -> list[int]:
    """Business time, which never falls."""
    times: list[int] = []
    for record in life:
        times.append(max([record.own_time, *times[-1:]]))
    return times


def events_of(life: Life) -> tuple[str, ...]:
    return tuple(record.event for record in life if record.event is not None)


def entries_of(life: Life) -> list[tuple[str, int]]:
    """Every leaf entered, and when."""
    before: tuple[str, ...] = ()
    entered = []
    for record, at in zip(life, times_of(life), strict=True):
        entered += [(leaf, at) for leaf in record.to if leaf not in before]
        before = record.to
    return entered


def agree(views: Views, type: str, records: Sequence[Record]) -> None:
    """What the views say of all time, of a day and of a revision is what a plain count says."""
    begun = [life[0].own_time // DAY for life in lives_of(records, type)]
    for first in {None, *begun}:
        for revision in (None, 1, 2):
            period = {"from_": first and first * DAY, "to": first and (first + 1) * DAY, "revision": revision}

            def within(at: int, of: int, first: int | None = first, revision: int | None = revision) -> bool:
                return first in (None, at // DAY) and revision in (None, of)

            lives = [life for life in lives_of(records, type) if within(life[0].own_time, life[0].revision)]
            _agree_on_lives(views, type, lives, period)
            _agree_on_hand_overs(views, type, lives_of(records, type), within, period)
            _agree_on_dwell(views, type, lives_of(records, type), within, period)


def _agree_on_lives(views: Views, type: str, lives: Sequence[Life], period: Any) -> None:
    paths = Counter(events_of(life) for life in lives)
    variants = views.variants(type, limit=1_000, **period)
    assert {tuple(item.events): item.entities for item in variants.items} == paths
    assert (variants.variants, variants.entities) == (len(paths), len(lives))

    entered = [Counter(leaf for leaf, _ in entries_of(life)) for life in lives]
    taken = [Counter(events_of(life)) for life in lives]
    rework = views.rework(type, **period)
    assert rework.entities == len(lives)
    assert rework.returned == sum(max(times.values()) > 1 for times in entered)
    assert rework.repeated == sum(max(times.values(), default=0) > 1 for times in taken)
    assert {each.state: (each.entities, each.again, each.entered) for each in rework.states} == tallied(entered)
    assert {each.event: (each.entities, each.again, each.times) for each in rework.events} == tallied(taken)

    first: dict[str, list[int]] = defaultdict(list)
    for life in lives:
        for leaf, at in dict(reversed(entries_of(life))).items():
            first[leaf].append(at - life[0].own_time)
    funnel = views.funnel(type, **period)
    assert funnel.entities == len(lives)
    assert {each.state for each in funnel.items} == set(first)
    for each in funnel.items:
        assert each.reached == len(first[each.state])
        assert_close(each.seconds, first[each.state])

    throughput = views.throughput(type, lambda revision, leaves: "x" in leaves, step="day", **period)
    assert throughput.begun == len(lives)
    assert_close(throughput.lasted, [times_of(life)[-1] - times_of(life)[0] for life in lives])


def _agree_on_hand_overs(views: Views, type: str, lives: Sequence[Life], within: Any, period: Any) -> None:
    pairs = Counter(
        (before.actor.id, after.actor.id)
        for life in lives
        for before, after, at in zip(life, life[1:], times_of(life)[1:], strict=False)
        if "anonymous" not in (before.actor.id, after.actor.id) and before.actor.id != after.actor.id
        if within(at, after.revision)
    )
    found = views.hand_overs(type, limit=1_000, **period)
    assert {(each.from_, each.to): each.times for each in found.items} == pairs
    assert (found.times, found.pairs) == (pairs.total(), len(pairs))


def _agree_on_dwell(views: Views, type: str, lives: Sequence[Life], within: Any, period: Any) -> None:
    lengths: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for life in lives:
        since: dict[str, int] = {}
        for record, at in zip(life, times_of(life), strict=True):
            for leaf in [leaf for leaf in since if leaf not in record.to]:
                length = at - since.pop(leaf)
                if within(at, record.revision):
                    lengths[leaf, record.event, record.to].append(length)
            for leaf in record.to:
                since.setdefault(leaf, at)
    found = views.dwell(type, **period)
    transitions = {
        (each.from_, each.event, (each.to,) if isinstance(each.to, str) else each.to): each
        for each in found.transitions
    }
    assert set(transitions) == set(lengths)
    for key, each in transitions.items():
        assert each.ended == len(lengths[key])
        assert_close(each.seconds, lengths[key])
    for state in found.states:
        assert_close(state.seconds, [each for key, some in lengths.items() if key[0] == state.state for each in some])


def tallied(lives: Iterable[Counter[str]]) -> dict[str, tuple[int, int, int]]:
    """Per name: how many have it, how many more than once, how often in all."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for times in lives:
        for name, count in times.items():
            row = found[name]
            row[0] += 1
            row[1] += count > 1
            row[2] += count
    return {name: (row[0], row[1], row[2]) for name, row in found.items()}


def assert_close(found: Lengths | None, lengths_us: Sequence[int]) -> None:
    """Exact where it says so, else within one percent."""
    if not lengths_us:
        assert found is None
        return
    assert found is not None
    ordered = sorted(length / 1e6 for length in lengths_us)
    for percent, seconds in ((50, found.p50), (90, found.p90), (95, found.p95), (99, found.p99)):
        exact = ordered[-(-len(ordered) * percent // 100) - 1]
        assert abs(seconds - exact) <= (0.01 * exact if found.estimated else 0), (percent, seconds, exact)
    assert found.longest == ordered[-1]
    assert abs(found.mean - sum(ordered) / len(ordered)) <= 1e-6 + 1e-9 * ordered[-1]
