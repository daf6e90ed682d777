"""A log is opened by the package that the setting's URL asks for, or a sentence says which one to install."""

from __future__ import annotations

import pickle
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from statewright.app import Installation, installed
from statewright.cli import main
from statewright.plugins import open_log
from statewright.settings import BadSetting, Settings
from statewright.stores.memory import MemoryStore
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore, StoreRefused

LOGS: dict[str, EventStore] = {}
"""What the plugin of these tests keeps, by URL."""

PLUGIN = """
from {tests} import LOGS
from statewright.stores.memory import MemoryStore
from statewright.stores.words import StoreRefused

async def open_store(url, *, data, read_only=False):
    if "unsafe" in url:
        raise StoreRefused("it forgets what it acknowledged; set `forgetful` off")
    return LOGS.setdefault(f"{{url}} in {{data}}" + (" to read" if read_only else ""), MemoryStore())
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs packages that bring stores: for `shelf://` one that works, for `broken://` one that does not load."""
    for scheme, code in (("shelf", PLUGIN.format(tests=__name__)), ("broken", "import nothing_of_this_name")):
        (tmp_path / f"statewright_{scheme}.py").write_text(code)
        told = tmp_path / f"statewright_{scheme}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: statewright-{scheme}\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text(f"[statewright.stores]\n{scheme} = statewright_{scheme}:open_store\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    return tmp_path


async def test_without_a_setting_the_log_is_a_file_in_the_folder(tmp_path: Path) -> None:
    store = await open_log(Settings(data=tmp_path))

    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / "log.sqlite"
    await store.close()


async def test_the_scheme_of_the_url_says_which_package_opens_the_log(shelf: Path) -> None:
    settings = Settings(data=shelf / "data", store="shelf://here/a")

    store = await open_log(settings)
    reader = await open_log(settings, read_only=True)

    assert isinstance(store, MemoryStore)
    assert store is LOGS[f"shelf://here/a in {shelf / 'data'}"]
    assert reader is LOGS[f"shelf://here/a in {shelf / 'data'} to read"]


async def test_an_installation_keeps_its_log_where_the_setting_says(shelf: Path) -> None:
    async with installed(Settings(data=shelf / "data", store="shelf://here/b")) as installation:
        assert isinstance(installation.store, MemoryStore)
        assert installation.committer.store is installation.store


async def test_a_log_whose_catalogue_cannot_be_opened_is_let_go_of(shelf: Path) -> None:
    settings = Settings(data=shelf / "data", store="shelf://here/c", database="mysql://there")
    with pytest.raises(BadSetting, match="PostgreSQL"):
        await Installation.open(settings)

    assert LOGS[f"shelf://here/c in {shelf / 'data'}"]._closed  # type: ignore[attr-defined]


def test_what_opens_the_log_can_be_handed_to_another_process(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store="shelf://here")
    opening = pickle.loads(pickle.dumps(partial(open_log, settings, read_only=True)))

    assert (opening.func, opening.args) == (open_log, (settings,))


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("here", "write it as in postgresql://HOST/DATABASE"),
        ("clay://user:secret@here", "no package that is installed keeps a log at clay://"),
        ("clay://user:secret@here", "shelf://"),
        ("broken://here", "statewright-broken is installed but cannot be loaded: No module named 'nothing_of_this"),
    ],
)
async def test_a_log_that_nothing_opens_is_answered_with_what_to_do(shelf: Path, store: str, said: str) -> None:
    with pytest.raises(BadSetting) as told:
        await open_log(Settings(data=shelf, store=store))

    assert said in str(told.value)
    assert "secret" not in str(told.value)


async def test_a_missing_package_of_ours_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewright.plugins.entry_points", lambda **_: ())
    with pytest.raises(BadSetting, match=r"nats://…; install one that does: pip install statewright-nats"):
        await open_log(Settings(data=tmp_path, store="nats://here"))


async def test_what_a_store_refuses_comes_through(shelf: Path) -> None:
    with pytest.raises(StoreRefused, match="set `forgetful` off"):
        await open_log(Settings(data=shelf, store="shelf://unsafe"))


@pytest.mark.parametrize("command", ["serve", "demo", "replay"])
def test_a_command_says_in_a_sentence_why_it_cannot_open_the_log(shelf: Path, command: str) -> None:
    log = shelf / "empty.ndjson"
    log.touch()
    arguments = [command, "--data", str(shelf / "data"), "--store", "shelf://unsafe"]
    result = CliRunner().invoke(main, [*arguments, *([str(log)] if command == "replay" else ["--port", "0"])])

    assert result.exit_code == 1
    assert result.output.strip().endswith("Error: it forgets what it acknowledged; set `forgetful` off")


# --- where catalogue and views lie -----------------------------------------------------------------------------------


def test_catalogue_and_views_lie_in_the_folder_when_the_log_is_no_database(tmp_path: Path) -> None:
    for settings in (Settings(data=tmp_path), Settings(data=tmp_path, store="nats://one,two")):
        assert settings.catalog_url == f"sqlite:///{tmp_path / 'catalog.sqlite'}"
        assert settings.views_url == f"sqlite:///{tmp_path / 'views.sqlite'}"


def test_catalogue_and_views_share_the_logs_postgresql_each_in_a_schema_of_its_own(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store="postgresql://ann:p%40ss@db:6432/life?sslmode=require")
    catalog, views = make_url(settings.catalog_url), make_url(settings.views_url)

    assert (catalog.drivername, catalog.username, catalog.password) == ("postgresql+psycopg", "ann", "p@ss")
    assert (catalog.host, catalog.port, catalog.database) == ("db", 6432, "life")
    assert catalog.query == {"sslmode": "require", "options": "-csearch_path=statewright_catalog"}
    assert views.query["options"] == "-csearch_path=statewright_views"


def test_the_urls_schema_names_the_schemas_of_all_rooms(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, store="postgresql:///life?schema=acme&options=-cwork_mem%3D8MB")

    assert make_url(settings.views_url).query == {"options": "-cwork_mem=8MB -csearch_path=acme_views"}


def test_the_setting_of_the_database_wins_and_may_name_several_hosts(tmp_path: Path) -> None:
    database = "postgresql://ann@one:5432,two:5433/life?target_session_attrs=read-write"
    url = make_url(Settings(data=tmp_path, store="nats://here", database=database).views_url)

    assert (url.username, url.host, url.database) == ("ann", None, "life")
    assert url.query["host"] == ("one:5432", "two:5433")


def test_where_the_log_is_is_told_without_who_may_open_it(tmp_path: Path) -> None:
    assert Settings(data=tmp_path).whereabouts == str(tmp_path)
    assert Settings(data=tmp_path, store="postgresql://a:secret@db/life?x=1").whereabouts == "postgresql://db/life"
