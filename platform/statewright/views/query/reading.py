"""Reading a query: from text to terms, with the place of everything that cannot be read."""

from __future__ import annotations

import re

from statewright.machine.names import nearest
from statewright.views.query.terms import (
    FIELDS,
    QUERY_CHARACTERS,
    TERMS,
    VALUES,
    WORD,
    BadQuery,
    Fault,
    Op,
    Query,
    Term,
    Value,
)
from statewright.views.query.times import BadTime, stretch_of

_SPACES = re.compile(r"\s+")
_FIELD = re.compile(r'(?P<name>[^\s:",]+(?:"[^"]*"[^\s:",]*)*):')
_OP = re.compile(r">=|<=|>|<")
_BARE = re.compile(r'[^\s,"]+')
_STEP = re.compile(r'"(?P<quoted>[^"]+)"|(?P<bare>[^."]+)')
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?", re.ASCII)
_ORDERED = re.compile(r"-?\d[\dTZ:.+-]*", re.ASCII)
"""What data may be asked for from..to: numbers, days and times."""


class _Refused(Exception):
    def __init__(self, at: int, length: int, sentence: str) -> None:
        super().__init__(sentence)
        self.fault = Fault(at, max(length, 1), sentence)


def read_query(text: str) -> Query:
    """What `text` asks for. Raises BadQuery with all that is wrong with it."""
    if len(text) > QUERY_CHARACTERS:
        raise BadQuery([Fault(QUERY_CHARACTERS, 1, f"a query has at most {QUERY_CHARACTERS:,} characters")])
    terms, faults, at = [], list[Fault](), 0
    while at < len(text):
        if spaces := _SPACES.match(text, at):
            at = spaces.end()
            continue
        reading = _Reading(text, at)
        try:
            terms.append(reading.term())
            at = reading.at
        except _Refused as refused:
            faults.append(refused.fault)
            at = _after(text, max(reading.at, at + 1))
    if len(terms) > TERMS:
        faults.append(Fault(terms[TERMS].at, 1, f"a query has at most {TERMS} terms"))
    if sum(len(term.values) for term in terms) > VALUES:
        faults.append(Fault(terms[-1].at, 1, f"a query has at most {VALUES} values"))
    if faults:
        raise BadQuery(sorted(faults, key=lambda fault: fault.at))
    return Query(tuple(terms))


def _after(text: str, at: int) -> int:
    """Where the next term may begin."""
    found = _SPACES.search(text, at)
    return found.start() if found else len(text)


class _Reading:
    """One term, read from where it begins; `at` is how far was read."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = self.begin = at

    def term(self) -> Term:
        negated = self.text.startswith("-", self.at) and len(self.text) > self.at + 1
        self.at += negated
        field = _FIELD.match(self.text, self.at)
        if field is None:
            word = self._value()
            return Term(WORD, (word,), negated=negated, at=self.begin, end=self.at)
        name, path = self._field(field["name"])
        self.at = field.end()
        op = self._op()
        values = self._values()
        if not op and len(values) == 1 and not values[0].quoted and ".." in values[0].text:
            low, _, high = values[0].text.partition("..")
            ordered = _ORDERED.fullmatch(low) and _ORDERED.fullmatch(high)
            if low and high and (FIELDS[name].kind in ("number", "time") or (path and ordered)):
                op, values = "..", (Value(low), Value(high))
        term = Term(name, values, op or "is", negated, path, self.begin, self.at)
        self._check(term)
        return term

    def _field(self, name: str) -> tuple[str, tuple[str, ...]]:
        if name == "data" or name.startswith("data."):
            return "data", self._path(name)
        if name in FIELDS:
            return name, ()
        near = nearest(name, FIELDS)
        meant = f"did you mean {near}?" if near else f"there are {', '.join(FIELDS)}.<field>."
        sentence = f'there is no field {name[:40]!r}; {meant} Text with a colon stands in quotes: "{name[:40]}:…"'
        raise _Refused(self.at, len(name), sentence)

    def _path(self, name: str) -> tuple[str, ...]:
        steps, at = list[str](), len("data")
        while at < len(name):
            found = _STEP.match(name, at + 1) if name[at] == "." else None
            if found is None:
                raise _Refused(self.at, len(name), f'{name[:40]!r} is no path; write data.field, or data."odd field"')
            steps.append(found["quoted"] or found["bare"])
            at = found.end()
        if not steps:
            raise _Refused(self.at, len(name), "say which field of the data: data.amount")
        if len(steps) > 10:
            raise _Refused(self.at, len(name), "a path has at most ten steps")
        return tuple(steps)

    def _op(self) -> Op | None:
        found = _OP.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        op: Op = found.group()  # type: ignore[assignment]  # the pattern has no others
        return op

    def _values(self) -> tuple[Value, ...]:
        values = [self._value()]
        while self.text.startswith(",", self.at):
            self.at += 1
            values.append(self._value())
        return tuple(values)

    def _value(self) -> Value:
        if self.text.startswith('"', self.at):
            return self._quoted()
        found = _BARE.match(self.text, self.at)
        if found is None:
            raise _Refused(self.at, 1, "a value is missing here; a value with spaces or commas stands in quotes")
        self.at = found.end()
        return Value(found.group())

    def _quoted(self) -> Value:
        written, at = list[str](), self.at + 1
        while at < len(self.text):
            character = self.text[at]
            if character == "\\" and self.text[at + 1 : at + 2] in ('"', "\\"):
                written.append(self.text[at + 1])
                at += 2
                continue
            if character == '"':
                self.at = at + 1
                return Value("".join(written), True)
            written.append(character)
            at += 1
        begun, self.at = self.at, len(self.text)
        raise _Refused(begun, len(self.text) - begun, "this quotation mark has no second one")

    # --- what a field takes

    def _check(self, term: Term) -> None:
        kind = FIELDS[term.field].kind
        length = term.end - term.at
        if term.op != "is" and len(term.values) > (2 if term.op == ".." else 1):
            raise _Refused(term.at, length, f"{term.op} takes one value")
        if kind in ("type", "state", "text") and term.op != "is":
            raise _Refused(term.at, length, f"{term.field} is compared by name only: {FIELDS[term.field].example}")
        if kind == "number":
            for value in term.values:
                if not _NUMBER.fullmatch(value.text) or value.quoted:
                    raise _Refused(term.at, length, f"{term.field} takes a number: {FIELDS[term.field].example}")
        if kind == "time":
            try:
                stretch_of(term, 0)
            except BadTime as error:
                raise _Refused(term.at, length, f"{term.field}: {error}") from None
