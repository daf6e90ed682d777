"""The codes for schemas, for what is written into the data, and for who else is concerned."""

from __future__ import annotations

from typing import Any

from statewright.machine.codes.row import Document, Row, context, door, entering, opened, shutting

_NOTE = {"properties": {"note": {"type": "string"}}}
_PERSONAL = {"properties": {"note": {"type": "string", "personal": True}}}
_REGIONS = {
    "lock": {"initial": "off", "states": {"off": {"on": {"LOCK": {"context": {"by": "lock"}}}}}},
    "light": {"initial": "off", "states": {"off": {"on": {"LOCK": {"context": {"by": "light"}}}}}},
}
_APART = {**_REGIONS, "light": {"initial": "off", "states": {"off": {"on": {"LOCK": {"context": {"lit": True}}}}}}}
_GUARDED = {
    region: {"initial": "off", "states": {"off": {"on": {"LOCK": {"guard": guard, "context": {"by": region}}}}}}
    for region, guard in (("lock", "by_hand"), ("light", "by_night"))
}
_GUARDS = {
    "by_hand": {"when": {"@expr": "actor.id == 'hand'"}},
    "by_night": {"when": {"@expr": "actor.id == 'night'"}},
}


def _required(**fields: Any) -> Document:
    """`schemas` of data that must have these fields."""
    return {"context": {"required": [*fields], "properties": fields}}


ROWS: dict[str, Row] = {
    "bad_schema": Row(
        severity="error",
        title="A schema cannot be used",
        meaning="It is not JSON Schema 2020-12 of an object, refers to the outside or in a circle, has a pattern that "
        "cannot run in linear time, declares a field `type` in an event (that is its name), or says `personal` below "
        "the top level.",
        remedy="Mend it where the pointer leads.",
        example=door(schemas=context(opened_by={"type": "strin"})),
        pointer="/schemas/context/properties/opened_by/type",
        mended=door(schemas=context(opened_by={"type": "string"})),
    ),
    "event_without_schema": Row(
        severity="warning",
        title="An event may carry anything",
        meaning="Without a schema, forms and clients do not know what the event carries, and expressions cannot be "
        "checked. Reported once for each event.",
        remedy="Describe it under `schemas.events`; `{}` says that it may carry anything on purpose.",
        example=door(schemas={"events": {"SHUT": {}, "BREAK": {}}}),
        pointer="/states/closed/on/OPEN",
        mended=door(schemas={"events": {"OPEN": {}, "SHUT": {}, "BREAK": {}}}),
    ),
    "money_as_number": Row(
        severity="warning",
        title="Money as a binary fraction",
        meaning="A `number` is a double, in which 0.1 + 0.2 is not 0.3. A third of a cent is how orders stay unpaid "
        "for ever.",
        remedy='Count the smallest unit: "type": "integer", in cents.',
        example=door(schemas=context(price={"type": "number"})),
        pointer="/schemas/context/properties/price",
        mended=door(schemas=context(price={"type": "integer", "description": "in cents"})),
    ),
    "bad_patch": Row(
        severity="error",
        title="A value cannot be written",
        meaning="It does not fit the schema of its field, or holds an `@` key without meaning. "
        "Initial data are constants.",
        remedy='Write a constant that fits, {"@expr": "…"}, or {"@unset": true} to remove a whole field.',
        example=shutting({"target": "closed", "context": {"count": "one"}}, schemas=context(count={"type": "integer"})),
        pointer="/states/open/on/SHUT/context/count",
        mended=shutting({"target": "closed", "context": {"count": 1}}, schemas=context(count={"type": "integer"})),
    ),
    "unknown_field": Row(
        severity="error",
        title="There is no such field",
        meaning="The schema declares no field of that name: of the data, of the event, of a named guard's `params`, or "
        "of a related entity. For a patch it is an error where the schema takes no other fields.",
        remedy="Write the name of a declared field, or declare this one.",
        example=shutting(
            {"target": "closed", "context": {"cuont": 1}},
            schemas={"context": {"properties": {"count": {"type": "integer"}}, "additionalProperties": False}},
        ),
        pointer="/states/open/on/SHUT/context/cuont",
        mended=shutting(
            {"target": "closed", "context": {"count": 1}},
            schemas={"context": {"properties": {"count": {"type": "integer"}}, "additionalProperties": False}},
        ),
    ),
    "undeclared_field": Row(
        severity="warning",
        title="A field is written that is not declared",
        meaning="The schema of the data has no such field. It takes it nevertheless, without any check, and no "
        "expression can read it.",
        remedy="Declare the field, or write the name of one that is.",
        example=shutting({"target": "closed", "context": {"cuont": 1}}, schemas=context(count={"type": "integer"})),
        pointer="/states/open/on/SHUT/context/cuont",
        mended=shutting({"target": "closed", "context": {"count": 1}}, schemas=context(count={"type": "integer"})),
    ),
    "keep_undeclared": Row(
        severity="error",
        title="A kept field is not declared",
        meaning="With schemas, what is kept is declared in both: in the event's and in the data's.",
        remedy="Declare it in the schema that the sentence names.",
        example=shutting(
            {"target": "closed", "keep": ["note"]}, schemas={"context": {"properties": {}}, "events": {"SHUT": _NOTE}}
        ),
        pointer="/states/open/on/SHUT/keep/0",
        mended=shutting({"target": "closed", "keep": ["note"]}, schemas={"context": _NOTE, "events": {"SHUT": _NOTE}}),
    ),
    "keep_read_only": Row(
        severity="error",
        title="A kept field is readOnly",
        meaning="Only patches write a `readOnly` field, and what an event carries comes from a caller.",
        remedy="Write it by a patch, or keep another field.",
        example=shutting(
            {"target": "closed", "keep": ["note"]},
            schemas={**context(note={"type": "string", "readOnly": True}), "events": {"SHUT": _NOTE}},
        ),
        pointer="/states/open/on/SHUT/keep/0",
        mended=shutting({"target": "closed", "keep": ["note"]}, schemas={"context": _NOTE, "events": {"SHUT": _NOTE}}),
    ),
    "keep_type": Row(
        severity="error",
        title="A kept field has two types",
        meaning="No value of the type that it has in the event fits the type that it has in the data.",
        remedy="Give it one type in both.",
        example=shutting(
            {"target": "closed", "keep": ["note"]},
            schemas={**context(note={"type": "integer"}), "events": {"SHUT": _NOTE}},
        ),
        pointer="/states/open/on/SHUT/keep/0",
        mended=shutting({"target": "closed", "keep": ["note"]}, schemas={"context": _NOTE, "events": {"SHUT": _NOTE}}),
    ),
    "keep_and_patch": Row(
        severity="error",
        title="A field is kept and patched",
        meaning="One branch writes it twice: from what the event carries, and by its patch.",
        remedy="Leave it to one of the two.",
        example=shutting({"target": "closed", "keep": ["note"], "context": {"note": "shut"}}),
        pointer="/states/open/on/SHUT/keep/0",
        mended=shutting({"target": "closed", "keep": ["note"]}),
    ),
    "personal_leak": Row(
        severity="error",
        title="Personal data would go where they cannot be erased",
        meaning="What is written from a personal field, kept or computed, must be personal too. What is emitted, sent "
        "or noted, and the key of a relation, cannot be personal, since others see and keep it.",
        remedy='Mark the field that is written `"personal": true`, or leave the personal one out.',
        example=shutting(
            {"target": "closed", "keep": ["note"]}, schemas={"context": _NOTE, "events": {"SHUT": _PERSONAL}}
        ),
        pointer="/states/open/on/SHUT",
        mended=shutting(
            {"target": "closed", "keep": ["note"]}, schemas={"context": _PERSONAL, "events": {"SHUT": _PERSONAL}}
        ),
    ),
    "unprotected_personal_data": Row(
        severity="error",
        title="Nothing protects personal data",
        meaning="There is no master key by which personal values could be encrypted, so that erasing a person would "
        "not erase them. Found by a server that has none and was not told to accept that.",
        remedy="Start the server with `--master-key-file`, or accept the risk by `--allow-unprotected-personal-data`.",
    ),
    "write_conflict": Row(
        severity="error",
        title="Two regions write one field",
        meaning="Both regions take the event in the same step and write the same field, so that their order would "
        "decide what the data are. What both only keep is one value, and no conflict.",
        remedy="Let one of the two write it, or let one follow by an event that the other raises.",
        example=opened(type="parallel", states=_REGIONS, on={"SHUT": "closed", "BREAK": "broken"}),
        pointer="/states/open/states/light/states/off/on/LOCK",
        mended=opened(type="parallel", states=_APART, on={"SHUT": "closed", "BREAK": "broken"}),
    ),
    "perhaps_write_conflict": Row(
        severity="warning",
        title="Two regions may write one field",
        meaning="Both regions write the same field on the same event where both their guards hold. The event is then "
        "refused (`write_conflict`).",
        remedy="See that the guards exclude each other, or let one of the two write it.",
        example={
            **opened(type="parallel", states=_GUARDED, on={"SHUT": "closed", "BREAK": "broken"}),
            "guards": _GUARDS,
        },
        pointer="/states/open/states/light/states/off/on/LOCK",
        mended=opened(type="parallel", states=_APART, on={"SHUT": "closed", "BREAK": "broken"}),
    ),
    "maybe_missing": Row(
        severity="warning",
        title="Required data may be missing",
        meaning="The schema requires a field that is not there: nothing writes it when an entity is created and no "
        "caller can, or a patch removes it. Events are then refused (`invalid_data`).",
        remedy="Give it a `default`, write it, or do not require it.",
        example=door(schemas=_required(no={"type": "integer", "readOnly": True})),
        pointer="/schemas/context/properties/no",
        mended=door(schemas=_required(no={"type": "integer", "readOnly": True, "default": 0})),
    ),
    "bad_relation": Row(
        severity="error",
        title="A relation does not say how",
        meaning="A relation has a `key`, a field of the data that holds the id of one entity or, with the "
        "`cardinality` many, a list of ids; or it is the `inverse` of a relation that the other type has. Never both.",
        remedy="Write one of the two; declare the field with a fitting type.",
        example=door(relations={"house": {"entity": "house"}}),
        pointer="/relations/house",
        mended=door(relations={"house": {"entity": "house", "key": "house_id"}}),
    ),
    "unknown_relation": Row(
        severity="error",
        title="There is no such relation",
        meaning="`related.name` in an expression, and `to` of the action `send`, name one of `relations`. Expressions "
        "read relations of the cardinality one with a key of their own.",
        remedy="Declare the relation, or write the name of one that is.",
        example=entering({"type": "send", "to": "hous", "event": {"type": "OPENED"}},
                         relations={"house": {"entity": "house", "key": "house_id"}}),
        pointer="/states/open/entry/0/to",
        mended=entering({"type": "send", "to": "house", "event": {"type": "OPENED"}},
                        relations={"house": {"entity": "house", "key": "house_id"}}),
    ),
    "unregistered_type": Row(
        severity="warning",
        title="The related type is not registered",
        meaning="No definition of that type is registered here yet. Found by a server; references resolve when it is.",
        remedy="Register it, or correct the name.",
    ),
}  # fmt: skip
