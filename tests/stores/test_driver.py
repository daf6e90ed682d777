"""SQLAlchemy on apsw: what a connection leaves behind when it goes back into the pool."""

from __future__ import annotations

from pathlib import Path

import apsw

from statewright.stores.driver import engine_at


def test_a_cursor_that_was_not_read_to_its_end_does_not_hold_its_snapshot(tmp_path: Path):
    file = tmp_path / "some.sqlite"
    writer = apsw.Connection(str(file))
    writer.execute("pragma journal_mode = wal")
    writer.execute("create table n (n integer)")
    writer.executemany("insert into n values (?)", [(n,) for n in range(1_000)])
    engine = engine_at(f"sqlite:///{file}")

    with engine.connect() as connection:
        left_open = connection.exec_driver_sql("select n from n")
        assert left_open.fetchone() == (0,)
    writer.execute("insert into n values (1)")

    busy, _, _ = writer.execute("pragma wal_checkpoint(restart)").fetchone()
    assert not busy
    engine.dispose()
