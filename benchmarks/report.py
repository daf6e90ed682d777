"""What was measured, as a table for people and as JSON for whoever compares runs."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import apsw
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured thing: ours and, where there is one, the floor of the same run.

    `ratio` is the median over rounds of ours by the floor next to it, not the quotient of the two medians. `asked` is
    a lower bound on the ratio or, with `of` set to "ours", a bound on ours itself: lower unless `at_most`.
    """

    part: str
    what: str
    ours: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    ratio: float | None = None
    asked: float | None = None
    of: str = "ratio"
    at_most: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether what was asked was reached; None when nothing was asked."""
        value = self.ours if self.of == "ours" else self.ratio
        if self.asked is None or value is None:
            return None
        return value <= self.asked if self.at_most else value >= self.asked


def compared(
    part: str,
    what: str,
    ours: Sequence[float],
    floor: Sequence[float],
    floor_name: str,
    asked: float | None = None,
    unit: str = "/s",
    note: str = "",
) -> Row:
    """A row from rates taken in turn (ours and floor of one round stand at the same index)."""
    return Row(
        part=part,
        what=what,
        ours=statistics.median(ours),
        unit=unit,
        floor=statistics.median(floor),
        floor_name=floor_name,
        ratio=statistics.median(mine / bare for mine, bare in zip(ours, floor, strict=True)),
        asked=asked,
        note=note,
    )


WIDTH = 150
"""Columns of the table where it is not shown on a terminal."""


def show(rows: Sequence[Row], console: Console) -> None:
    """The table of ratios."""
    table = Table("part", "measured", title="Statewright against floors measured in the same run", title_justify="left")
    for heading in ("ours", "floor", "ratio", "asked"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    previous = ""
    for row in rows:
        if row.part != previous:
            table.add_section()
        table.add_row("" if row.part == previous else row.part, *cells(row))
        previous = row.part
    console.print(table)


def cells(row: Row) -> list[str]:
    """The cells of one row after its part."""
    return [
        row.what,
        f"{number(row.ours)} {row.unit}",
        "" if row.floor is None else f"{number(row.floor)} {row.unit}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        bound(row),
        "; ".join(filter(None, (f"floor: {row.floor_name}" if row.floor_name else "", row.note))),
    ]


def bound(row: Row) -> str:
    """What was asked, and whether it was reached."""
    if row.asked is None:
        return ""
    unit = f" {row.unit}" if row.of == "ours" else ""
    color, mark = ("green", "✓") if row.met else ("red", "✗")
    return f"{'≤' if row.at_most else '≥'} {number(row.asked)}{unit} [{color}]{mark}[/]"


def number(value: float) -> str:
    """Three or so figures that a person can read."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def save(rows: Sequence[Row], folder: Path, quick: bool, load: float) -> Path:
    """Write the run as JSON, with what is needed to compare it with another; the file.

    `load` is how busy the machine was before the run began, in processes.
    """
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    run = {
        "at": now.isoformat(timespec="seconds"),
        "quick": quick,
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
        "load_before": load,
        "sqlite": {"apsw": apsw.sqlite_lib_version(), "sqlite3": sqlite3.sqlite_version},
        "rows": [{**msgspec.to_builtins(row), "met": row.met} for row in rows],
    }
    file = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
    return file
