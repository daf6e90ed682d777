"""What all tests share: the recorded event logs, the browser, and that continuous integration skips nothing.

No test of random examples fails for the time it took: a busy machine would fail it, and not the example.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgresql import Server, programs

HOUSE = Path(__file__).parents[1]
# Continuous integration tries the same examples each time, so that what it finds wrong is what was changed; whoever
# works on the code tries others at every run.
settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
)
settings.load_profile("ours")
BESIDE = HOUSE.parent / "shared" / "data"


@pytest.fixture(scope="session")
def logs() -> Path:
    """The folder of recorded event logs, their definitions and what an independent replay found.

    It lies beside the checkout or where STATEWRIGHT_LOGS says; a test that needs it is skipped where it is absent.
    """
    named = os.environ.get("STATEWRIGHT_LOGS")
    folder = Path(named) if named else BESIDE
    if not (folder / "oracle").is_dir():
        pytest.skip(f"no event logs in {folder}; name their folder in STATEWRIGHT_LOGS")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium (or Chrome); a test that needs it is skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for all tests of one process; who needs a log takes a schema of its own."""
    if programs() is None:
        pytest.skip("no PostgreSQL server on this machine; on Debian: apt-get install postgresql")
    server = Server.make()
    yield server
    server.discard()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: SQLite, and PostgreSQL too for a test that is marked `on_both`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/some.sqlite"
    server: Server = request.getfixturevalue("postgresql")
    return server.schema()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of continuous integration in which a test was skipped: nothing may be left out there in silence."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} skipped, and nothing may be skipped where CI=true", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
