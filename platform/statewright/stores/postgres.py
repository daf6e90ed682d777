"""PostgreSQL for the catalogue and the views: all that it does otherwise than SQLite, in one place.

The rooms above write their SQL once, as SQLite takes it. `engine_at("postgresql://…")` opens through this dialect of
SQLAlchemy, on psycopg, which sees to it that the same statements say the same there:

* `?` stands for a value, `like` does not tell a from A (of ASCII alone), and a list after `in` may be empty;
* whole numbers have 64 bits in every column, and a sum of them is a whole number again;
* text is ordered by its code points, whatever the database's own collation, so that pages of a list follow each other;
* the character NUL, which PostgreSQL does not take in text, is kept as its picture, `␀` (U+2400);
* a transaction sees one moment of the database from its first statement on; one with the execution option `writes` sees
  what was committed before each statement, and one with `alone` waits until no other such transaction goes on, and is
  durable when it is committed;
* many rows to insert are streamed in by COPY.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

NUL, PICTURE_OF_NUL = "\0", "␀"

CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    # A server that is gone without a word is found out in seconds and not after hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "statewright",
}
"""What a connection is made with, unless the URL says otherwise."""

_SESSION = ("-cidle_in_transaction_session_timeout=10s",)
"""A process that is stopped in a transaction does not hold up the others for longer."""

POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 10, "pool_pre_ping": True, "pool_recycle": 1_800}
"""Few connections, each asked whether it lives before it is used: the server may have started again meanwhile."""

COPIED_AT_ONCE = 10_000
"""How many rows go in by one COPY; where every statement is a transaction of its own, so many are one."""

_COPIED_FROM = 50
_INSERT = re.compile(r"insert into (\w+ \([\w, ]+\)) values \([?, ]+\)")
_LIKE = re.compile(r"\blike\b")
_NONE, _IN_NOTHING = re.compile(r"\bin \(\)"), "in (select null where false)"
# One lock for every schema, since several installations may share a database. What is locked has no other name.
_ALONE = (
    "select pg_advisory_xact_lock(hashtextextended('statewright ' || coalesce(current_schema(), ''), 0)),"
    " set_config('synchronous_commit', 'on', true)"
)


@lru_cache(maxsize=2_000)
def spoken(sql: str) -> str:
    """A statement written for SQLite as psycopg takes it; what stands in quotes is left as it is."""
    pieces = sql.replace("%", "%%").split("'")
    pieces[::2] = (_NONE.sub(_IN_NOTHING, _LIKE.sub("ilike", piece)).replace("?", "%s") for piece in pieces[::2])
    return "'".join(pieces)


class _Types(PGTypeCompiler):
    """The names of types in tables."""

    def visit_INTEGER(self, type_: Any, **kw: Any) -> str:  # noqa: N802 - SQLAlchemy's name
        return "BIGINT"

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        return _by_code_points(super().visit_VARCHAR(type_, **kw), type_, kw)

    def visit_TEXT(self, type_: Any, **kw: Any) -> str:  # noqa: N802
        return _by_code_points(super().visit_TEXT(type_, **kw), type_, kw)


def _by_code_points(sql: str, type_: Any, kw: dict[str, Any]) -> str:
    """The type of a column with the collation `C`; in an expression (a cast) nothing is added."""
    return f'{sql} COLLATE "C"' if "type_expression" in kw and type_.collation is None else sql


class _Tables(PGDDLCompiler):
    def get_column_specification(self, column: Any, **kwargs: Any) -> str:
        made: str = super().get_column_specification(column, **kwargs)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        return made.replace(" SERIAL", " BIGSERIAL")


class Dialect(PGDialect_psycopg):
    """SQLAlchemy's dialect for psycopg, understanding what is written for SQLite."""

    supports_statement_cache = True
    type_compiler_cls = _Types
    ddl_compiler = _Tables

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, use_native_hstore=False)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        if self.dbapi is not None:
            _adapt(self._psycopg_adapters_map)

    @classmethod
    def import_dbapi(cls) -> Any:
        """The driver, which comes with the package that keeps a log in PostgreSQL."""
        try:
            return super().import_dbapi()  # type: ignore[no-untyped-call]  # SQLAlchemy's
        except ImportError as error:
            raise ImportError(
                "PostgreSQL needs the package statewright-postgres; install it beside this one"
            ) from error

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        """Run a statement; one that SQLAlchemy did not write itself is translated first."""
        cursor.execute(_for(context, statement), parameters)

    def do_executemany(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        """Run a statement for many rows, in few journeys."""
        insert = _INSERT.fullmatch(statement) if len(parameters) >= _COPIED_FROM else None
        for start in range(0, len(parameters), COPIED_AT_ONCE):
            some = parameters[start : start + COPIED_AT_ONCE]
            if insert is None:
                cursor.executemany(_for(context, statement), some)
            else:
                _copy(cursor, insert[1], some)


def _for(context: Any, statement: str) -> str:
    return statement if context is None or context.compiled is not None else spoken(statement)


def _copy(cursor: Any, into: str, rows: Sequence[Sequence[Any]]) -> None:
    with cursor.copy(f"copy {into} from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def _adapt(adapters: Any) -> None:
    """How values go to the server and come from it, for all connections of an engine."""
    from psycopg.adapt import Loader
    from psycopg.types.string import StrDumper, StrDumperUnknown

    class Number(Loader):  # `sum` of whole numbers is `numeric`, which would come as a Decimal
        def load(self, data: Any) -> int | float:
            text = bytes(data)
            return int(text) if text.lstrip(b"-").isdigit() else float(text)

    class Text(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace(NUL, PICTURE_OF_NUL) if NUL in obj else obj)

    class TextOfAnyType(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace(NUL, PICTURE_OF_NUL) if NUL in obj else obj)

    adapters.register_loader("numeric", Number)
    adapters.register_dumper(str, Text)
    adapters.register_dumper(str, TextOfAnyType)  # the last one is the one that is tried first


def engine_at(address: URL, *, may_lose_last: bool) -> Engine:
    """An engine on a database of PostgreSQL; see `driver.engine_at`."""
    address = address.set(drivername="postgresql+statewright")
    settings = [*_SESSION, *(["-csynchronous_commit=off"] if may_lose_last else [])]
    # The URL's own come last, and so prevail.
    address = address.update_query_dict({"options": " ".join([*settings, str(address.query.get("options", ""))])})
    connect = {name: value for name, value in CONNECT.items() if name not in address.query}
    engine = create_engine(address, connect_args=connect, **POOL)
    _begin_ourselves(engine)
    return engine


def _begin_ourselves(engine: Engine) -> None:
    """Have each transaction begin as the options of its connection say."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") is not None:
            return
        level = "READ COMMITTED" if options.get("writes") else "REPEATABLE READ"
        engine.dialect.set_isolation_level(connection.connection.dbapi_connection, level)  # type: ignore[arg-type]  # it is one
        if options.get("alone"):
            connection.exec_driver_sql(_ALONE)


def make_schema(connection: Connection) -> None:
    """Make the schema that the URL names in its `search_path`, when it is not there yet."""
    if connection.exec_driver_sql("select current_schema()").scalar() is None:
        path = str(connection.exec_driver_sql("show search_path").scalar())
        names = [name.strip().strip('"') for name in path.split(",")]
        schema = next(name for name in names if name and not name.startswith("$"))
        quoted = connection.dialect.identifier_preparer.quote(schema)
        connection.exec_driver_sql(f"create schema if not exists {quoted}")
