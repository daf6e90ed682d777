"""Edits beside the chart: the definition's own words, fields of data and events, roles, guards, relations, delays."""

from __future__ import annotations

from typing import Any

from statewright.machine.editing.plan import Plan
from statewright.machine.editing.sheet import Way
from statewright.machine.editing.states import set_keys
from statewright.machine.editing.words import DeleteField, Edited, SetDefinition, SetEntry, SetField, Stop
from statewright.machine.names import fault_of_declared_name, fault_of_event_name
from statewright.machine.problem import shown


def describe(plan: Plan, edit: SetDefinition) -> Edited:
    """Set or take out keys of the definition itself."""
    if "id" in edit.changes or "states" in edit.changes:
        raise Stop("The id of a definition is its type; begin a new definition for another type.")
    set_keys(plan, (), edit.changes)
    return Edited(plan.sheet.text, f"Change {', '.join(edit.changes)}")


def _schema_way(event: str) -> Way:
    return ("schemas", "events", event) if event else ("schemas", "context")


def set_field(plan: Plan, edit: SetField) -> Edited:
    """Declare a field, or declare it anew; under `rename` it takes the place of the one it was."""
    name = edit.name.strip()
    if not name or len(name) > 100:
        raise Stop("Give the field a name of 1 to 100 characters.", "name")
    if edit.event and name == "type":
        raise Stop("No field of an event may be called type: that is the event's name in expressions.", "name")
    way = _schema_way(edit.event)
    known = plan.sheet.get((*way, "properties"), {})
    if name != edit.rename and name in known and edit.rename is not None:
        raise Stop(f"There is a field {name} already.", "name")
    _into_schemas(plan, way)
    if not plan.sheet.has((*way, "type")) and not edit.event:
        plan.sheet.insert((*way, "type"), "object", next(iter(plan.sheet.value(way)), None))
    if edit.rename and edit.rename != name and edit.rename in known:
        plan.sheet.rename((*way, "properties", edit.rename), name)
    _merge(plan, (*way, "properties", name), edit.schema)
    _require(plan, way, edit.rename or name, name, edit.required)
    where = f" of {edit.event}" if edit.event else ""
    return Edited(plan.sheet.text, f"{'Change' if edit.rename else 'Add'} the field {name}{where}")


def _into_schemas(plan: Plan, way: Way) -> None:
    """See to it that the way is there, `schemas` in front of the chart, where readers look for it."""
    if not plan.sheet.has(("schemas",)):
        before = next((key for key in ("relations", "roles", "guards", "initial", "type", "states")
                       if plan.sheet.has((key,))), None)  # fmt: skip
        plan.sheet.insert(("schemas",), {}, before)
    if not plan.sheet.has((*way, "properties")):
        plan.sheet.put((*way, "properties"), {})


def _merge(plan: Plan, way: Way, schema: dict[str, Any]) -> None:
    """Write what the form knows of a field; what it does not know (patterns, nested parts) stays."""
    if not plan.sheet.has(way):
        plan.sheet.put(way, {key: value for key, value in schema.items() if value is not None})
        return
    set_keys(plan, way, schema)


def _require(plan: Plan, way: Way, old: str, name: str, required: bool) -> None:
    listed = list(plan.sheet.get((*way, "required"), []))
    wanted = [name if item == old else item for item in listed if item != old or required]
    if required and name not in wanted:
        wanted.append(name)
    if wanted == listed:
        return
    if not wanted:
        plan.sheet.drop((*way, "required"))
    elif plan.sheet.has((*way, "required")):
        plan.sheet.put((*way, "required"), wanted)
    else:
        plan.sheet.insert((*way, "required"), wanted, "properties")


def delete_field(plan: Plan, edit: DeleteField) -> Edited:
    """Take a field out."""
    way = _schema_way(edit.event)
    if not plan.sheet.has((*way, "properties", edit.name)):
        raise Stop(f"There is no field {shown(edit.name)} any more.")
    plan.sheet.drop((*way, "properties", edit.name))
    _require(plan, way, edit.name, edit.name, False)
    return Edited(plan.sheet.text, f"Delete the field {edit.name}")


def set_entry(plan: Plan, edit: SetEntry) -> Edited:
    """Declare a role, guard, relation, delay or event, or take it out."""
    name = edit.name.strip()
    fault = fault_of_event_name(name) if edit.section == "events" else fault_of_declared_name(name)
    if fault and edit.value is not None:
        raise Stop(f"{shown(name)} {fault}.", "name")
    way: Way = ("schemas", "events") if edit.section == "events" else (edit.section,)
    singular = edit.section.removesuffix("s")
    if edit.value is None:
        if plan.sheet.has((*way, name)):
            plan.sheet.drop((*way, name))
        return Edited(plan.sheet.text, f"Delete the {singular} {name}")
    if not plan.sheet.has(way):
        before = "schemas" if edit.section != "events" else None
        if edit.section == "events":
            plan.sheet.put(way, {})
        else:
            after = next((key for key in ("initial", "type", "states") if plan.sheet.has((key,))), before)
            plan.sheet.insert(way, {}, after)
    plan.sheet.put((*way, name), edit.value)
    return Edited(plan.sheet.text, f"Set the {singular} {name}")
