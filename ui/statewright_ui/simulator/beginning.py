"""Runs that begin with what was recorded: the history of an entity, or the moment at which an event was refused."""

from __future__ import annotations

import json

from msgspec import Struct
from msgspec.structs import replace

from statewright.catalog import Refusal, Revision
from statewright.machine.compile import Machine
from statewright.machine.moments import text_of, text_of_duration
from statewright.machine.record import Actor, Head, without_personal
from statewright.machine.scenarios import Act
from statewright.machine.simulating import ACTS, Run, play_run, run_of
from statewright.stores.words import Ref
from statewright_ui import shown
from statewright_ui.forms import typed_text
from statewright_ui.needs import Needs, ask
from statewright_ui.shell.errors import Nowhere
from statewright_ui.simulator.showing import Typed

_WITHHELD = {"withheld": True}


class Begun(Struct, frozen=True):
    """A run and who acts in it next."""

    run: Run
    actor: Actor


async def from_entity(needs: Needs, machine: Machine, entity: str, version: str) -> Begun:
    """What was sent to a recorded entity up to a version, sent again; where that ends otherwise, the entity as it was.

    Raises Nowhere when nothing is recorded of it.
    """
    ref = Ref(machine.type, entity)
    newest = await needs.asking.head(ref)
    if newest is None:
        raise Nowhere("Nothing is recorded", f"The log holds no transition of {ref.type} {ref.id}.")
    upto = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else newest.version
    upto = max(1, min(upto, newest.version))
    return await _as_it_was(needs, machine, ref, upto)


async def _as_it_was(needs: Needs, machine: Machine, ref: Ref, upto: int) -> Begun:
    # A run is kept, where no erasure finds what is in it: so it begins without what is personal.
    records = [replace(record, sealed={}) for record in await needs.store.read_entity(ref, 0, ACTS)]
    heads = await needs.asking.heads_at(ref, [upto])

    def then(revision: int) -> Machine | None:
        return shown.machine_of(needs.catalog, ref.type, revision)

    run = await ask(run_of, records, machine, then, upto)
    actor = run.acts[-1].actor if run.acts else Actor()
    known = actor if isinstance(actor, Actor) else Actor()
    head = without_personal(heads[upto])
    if upto > ACTS or not await ask(_ends_there, machine, run, head):
        run = _given(machine, ref, head)
    return Begun(run, known)


def _ends_there(machine: Machine, run: Run, head: Head) -> bool:
    """Whether a run comes to the entity as it was. Under another revision it need not: that is what is asked."""
    if head.revision != machine.revision:
        return True
    _, life = play_run(machine, run)
    return life.head is not None and (life.head.leaves, life.head.data) == (head.leaves, head.data)


def _given(machine: Machine, ref: Ref, head: Head) -> Run:
    """A run without acts that begins with the entity as it was. Raises Nowhere where the revision lacks its state."""
    unknown = [leaf for leaf in head.leaves if leaf not in machine.states]
    if unknown:
        sentence = f"{ref.type} {ref.id} was in {unknown[0]}, and revision {machine.revision} has no such state."
        raise Nowhere("It cannot be simulated", sentence)
    return Run(text_of(max(head.recorded_at, head.happened_at)), origin=f"{ref.type}/{ref.id}", given=head)


async def from_refusal(needs: Needs, machine: Machine, id: str) -> Begun:
    """The entity as it was when an event was refused, at that time. Raises Nowhere for a refusal not kept any more."""
    refusal = await ask(refusal_of, needs, id)
    if refusal is None or refusal.type != machine.type:
        raise Nowhere("This refusal is not kept any more", "The latest 10,000 are kept whole; older ones are counted.")
    if not refusal.version:
        return Begun(Run(text_of(refusal.at)), refusal.actor)
    begun = await _as_it_was(needs, machine, Ref(refusal.type, refusal.entity), refusal.version)
    _, life = await ask(play_run, machine, begun.run)
    pause = refusal.at - life.now
    if pause <= 0 or len(begun.run.acts) >= ACTS:
        return Begun(begun.run, refusal.actor)
    if begun.run.given is not None:
        return Begun(replace(begun.run, begins=text_of(refusal.at)), refusal.actor)
    waited = replace(begun.run, acts=(*begun.run.acts, Act(after=text_of_duration(pause))))
    _, life = await ask(play_run, machine, waited)
    same = life.head is not None and life.head.leaves == refusal.leaves
    return Begun(waited if same else begun.run, refusal.actor)


def refusal_of(needs: Needs, id: str) -> Refusal | None:
    """A refusal by its id as addresses have it; None for one that is not there."""
    return needs.catalog.refusals.one(int(id)) if id.isascii() and id.isdigit() and len(id) < 18 else None


def filled_in(needs: Needs, chosen: Revision, refusal: str, event: str) -> Typed | None:
    """The form of an event, open, with what was sent when it was refused; None where neither is asked for."""
    if not refusal:
        return Typed(f"event.{event[:100]}", {}, {}, "") if event else None
    found = refusal_of(needs, refusal)
    if found is None or found.type != chosen.type:
        return None
    machine = shown.machine_of(needs.catalog, chosen.type, chosen.revision)
    if machine is None:
        return None
    payload = {name: value for name, value in found.payload.items() if value != _WITHHELD}
    schema = machine.definition.schemas.context
    if found.event is not None:
        schema = machine.definition.schemas.events.get(found.event)
    lost = "What was sent was too large to be kept. Fill it in anew." if found.cut else ""
    if len(payload) < len(found.payload):
        lost = "Personal values were not kept with the refusal. Fill them in anew."
    form = "create" if found.event is None else f"event.{found.event}"
    takes = found.event is None or found.event in machine.allowed(found.leaves)
    inputs = typed_text(schema, payload) if takes else {"event": found.event or "", "more": json.dumps(payload)}
    return Typed(form if takes else "event.", inputs, {}, lost)
