"""Verification: the log from its first transition to its last, held against its seals, itself and the definitions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

import msgspec
import orjson
from msgspec import Struct

from statewright.catalog import Catalog, CatalogError
from statewright.keeping.bare import bare, faults_of
from statewright.keeping.decisions import Decisions
from statewright.keeping.findings import Check, Finding, Findings
from statewright.keeping.keys import PublicKey
from statewright.keeping.lives import Lives
from statewright.keeping.proving import Proving
from statewright.keeping.seals import Seals
from statewright.machine.moments import Micros
from statewright.machine.record import Record
from statewright.machine.upcasting import UnknownFormat, record_of
from statewright.stores.words import START, EventStore, LogDamaged, Place, Stored

BATCH = 5_000

Progress = Callable[[int], None]
"""Is told how many transitions were looked at."""


class Report(Struct, kw_only=True):
    """What a verification came to. `sealed` transitions lie under `seals` seals; `again` decisions were made again, and
    `undecidable` are those whose record does not tell what they were made on."""

    log: str
    place: Place
    transitions: int = 0
    entities: int = 0
    seals: int = 0
    sealed: int = 0
    sealed_at: Micros = 0
    deep: bool = False
    again: int = 0
    undecidable: int = 0
    rows: int = 0
    notes: list[str] = []
    findings: list[Finding] = []
    counts: dict[str, int] = {}
    took_s: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.counts


class Verification:
    """One pass over the log in `store` as far as it reaches now. With a catalogue the definitions are checked too."""

    def __init__(
        self,
        store: EventStore,
        seals: Seals,
        catalog: Catalog | None,
        *,
        trusted: PublicKey | None = None,
        deep: bool = False,
        findings: Findings | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        self.findings = findings or Findings()
        self._store = store
        self._seals = seals
        self._catalog = catalog
        self._trusted = trusted
        self._deep = deep
        self._progress = progress
        self._stamps: dict[int, tuple[int, int]] = {}
        self._told: set[tuple[str, int]] = set()

    async def run(self) -> Report:
        """Look at everything. Raises what the store raises when it cannot be read at all."""
        began = time.monotonic()
        goal = await self._goal()
        report = Report(log=self._store.log_id, place=goal or START, deep=self._deep)
        for sentence in await faults_of(self._store):
            self.findings.add(Finding(check="medium", sentence=sentence))
        proving = Proving(self._seals, self.findings, self._trusted)
        lives = Lives(self.findings)
        decisions = Decisions(self._store, self._catalog, self.findings) if self._deep and self._catalog else None
        try:
            place: Place = START
            while goal is None or self._store.compare_places(place, goal) < 0:
                try:
                    stored, after = await bare(self._store, place, BATCH)
                except LogDamaged as error:
                    self._damaged(error)
                    break
                if after == place:
                    break
                records = self._look(stored, proving)
                lives.take(records)
                if decisions is not None:
                    await decisions.take(records)
                report.transitions += len(stored)
                report.place = place = after
                self._progress(report.transitions)
            proving.end()
            report.entities = lives.entities
        finally:
            lives.close()
        report.seals, report.sealed_at = proving.seals, proving.sealed_at
        report.sealed = report.transitions - proving.unsealed
        if not proving.seals:
            report.notes.append("nothing of this log is sealed yet, so a change made with care cannot be told")
        if decisions is not None:
            report.again, report.undecidable = decisions.again, decisions.undecidable
        return self._ended(report, began)

    async def _goal(self) -> Place | None:
        """Where the log ends; None where that cannot be read."""
        try:
            return await self._store.latest_place()
        except LogDamaged as error:
            self.findings.add(Finding(check="medium", sentence=f"the end of the log cannot be read: {error}"))
            return None

    def _ended(self, report: Report, began: float) -> Report:
        report.findings = self.findings.listed
        report.counts = {str(check): count for check, count in self.findings.counts.items()}
        report.took_s = round(time.monotonic() - began, 3)
        return report

    def _damaged(self, error: LogDamaged) -> None:
        at, said = error.position, f"{error}; the rest was not read"
        self.findings.add(Finding(check="record", position=at, last=at, sentence=said))

    def _look(self, stored: Sequence[Stored], proving: Proving) -> list[Record]:
        records = []
        for one in stored:
            proving.take(one)
            self._in_order(one)
            record = self._read(one)
            if record is not None:
                records.append(record)
                self._document(record)
        return records

    def _read(self, stored: Stored) -> Record | None:
        fault = stored.fault
        record: Record | None = None
        if not fault or stored.text:
            try:
                record = record_of(stored.text)
            except (UnknownFormat, msgspec.DecodeError) as error:
                fault = fault or f"it cannot be read ({error})"
            else:
                record.partition, record.position = stored.partition, stored.position
                record.recorded_at = stored.recorded_at
        if fault:
            self._at(stored, "record", fault)
        return record

    def _in_order(self, stored: Stored) -> None:
        position, stamp = self._stamps.get(stored.partition, (0, 0))
        if stored.position <= position:
            self._at(stored, "order", f"it stands behind position {position}")
        if stored.recorded_at < stamp and not stored.fault:
            self._at(stored, "order", "it was recorded earlier than the transition before it")
        self._stamps[stored.partition] = stored.position, max(stamp, stored.recorded_at)

    def _document(self, record: Record) -> None:
        """The first transition under a revision names the document's digest; the catalogue must have that document."""
        known = (record.type, record.revision)
        if self._catalog is None or (record.definition is None and known in self._told):
            return
        first = known not in self._told
        self._told.add(known)
        try:
            digest = digest_of(self._catalog.document(*known))
            registered = self._catalog.revision(*known).digest
        except CatalogError as error:
            self._of(record, "definition", f"the catalogue does not have what it was decided under: {error}")
            return
        if first and digest != registered:
            self._of(record, "definition", f"the document of {record.type} {record.revision} is not the one registered")
        if record.definition is not None and record.definition != digest:
            said = f"the log names another document for {record.type} {record.revision} than the catalogue has"
            self._of(record, "definition", said)

    def _at(self, stored: Stored, check: Check, sentence: str) -> None:
        self.findings.add(
            Finding(
                check=check,
                partition=stored.partition,
                position=stored.position,
                last=stored.position,
                sentence=sentence,
            )
        )

    def _of(self, record: Record, check: Check, sentence: str) -> None:
        self._at(Stored(record.partition, record.position, record.recorded_at, b""), check, sentence)


def digest_of(document: bytes) -> str:
    """The digest of a definition's document, as it is registered under; "" for one that is no JSON."""
    try:
        return hashlib.sha256(orjson.dumps(orjson.loads(document))).hexdigest()
    except orjson.JSONDecodeError:
        return ""
