"""A real server seals what it records, is backed up while it writes, and never shows what is damaged."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import apsw
from click.testing import CliRunner, Result

from statewright.cli import main
from tests.acceptance.serving import Serving, callers_of, get, send


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


def report_of(data: Path, *options: str) -> dict:
    return json.loads(run("verify", "--data", data, "--format", "json", *options).stdout)


async def switched(serving: Serving, lamps: int, times: int) -> None:
    async with callers_of(serving) as session:
        for turn in range(times):
            await asyncio.gather(*(send(session, f"l{n}", "SWITCH", f"{turn}-{n}") for n in range(lamps)))


def test_a_server_that_stops_leaves_all_of_its_log_under_seal_and_its_views_sound(tmp_path: Path):
    data = tmp_path / "data"
    with Serving(data) as serving:
        asyncio.run(switched(serving, 5, 4))
        assert serving.stop() == 0
    result = run("verify", "--deep", "--require-seals", "--data", data)

    assert result.exit_code == 0, result.output
    assert "20 transitions of 5 entities, 20 of them under" in result.stdout
    assert "20 decisions were made again" in result.stdout


def test_seals_go_on_after_a_kill_and_a_backup_of_the_running_server_is_sound(tmp_path: Path):
    data, seals = tmp_path / "data", tmp_path / "seals"
    for round in range(2):
        with Serving(data, "--seals", str(seals)) as serving:
            asyncio.run(switched(serving, 3, 3 * (round + 1)))
            if round:
                assert run("backup", tmp_path / "backup", "--data", data, "--seals", seals).exit_code == 0
                assert serving.stop() == 0
            else:
                serving.kill()
    restored = run("restore", tmp_path / "backup", "--data", tmp_path / "restored")
    report = report_of(data, "--seals", str(seals), "--require-seals")

    assert restored.exit_code == 0, restored.output
    assert "18 transitions" in restored.stdout
    assert (report["sound"], report["sealed"], report["findings"]) == (True, 18, [])


def test_what_is_damaged_is_named_to_callers_and_not_shown(tmp_path: Path):
    data = tmp_path / "data"
    with Serving(data) as serving:
        asyncio.run(switched(serving, 2, 3))
        assert serving.stop() == 0
    with contextlib.closing(apsw.Connection(str(data / "log.sqlite"))) as log:
        log.execute("""update transition set record = replace(record, '"off"', '"dim"') where position = 1""")

    async def asked() -> list[tuple[int, dict]]:
        async with callers_of(serving) as session:
            found = []
            for path in ("/entities/lamp/l0", "/entities/lamp/l0/transitions", "/transitions?after=0"):
                async with session.get(f"{serving.url}/api/v1{path}") as answer:
                    found.append((answer.status, await answer.json(content_type=None)))
            found.append((await send(session, "l0", "SWITCH", "more"))[:2])
            assert (await get(session, "/api/v1/entities/lamp/l1"))["version"] == 3, "others are served as ever"
            return found

    with Serving(data) as serving:
        answers = asyncio.run(asked())
    report = report_of(data)

    for status, document in answers:
        assert status == 503
        assert "position 1 is not what was written, so it is not shown" in document["detail"]
    assert [(one["check"], one["position"]) for one in report["findings"]] == [("record", 1), ("seal", 1)]
