"""A backup is made while a server writes, is whole, and is put back only where nothing is."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.folder import FolderLock
from statewright.keeping.backups import CannotRestore, back_up, finish, restore
from statewright.settings import Settings
from tests.keeping.keeping import EVENTS, opened, sealed, switched, tampered, verified


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


async def test_what_is_restored_is_what_was_backed_up(settings: Settings, tmp_path: Path):
    await sealed(settings)
    back_up(settings, tmp_path / "backup")
    restored = Settings(data=tmp_path / "restored")
    restore(tmp_path / "backup", restored)
    finish(restored.data)
    report = await verified(restored, deep=True)

    assert report.sound, report.findings
    assert (report.transitions, report.sealed, report.seals) == (EVENTS, EVENTS, 4)
    async with opened(settings) as (store, _), opened(restored) as (other, _):
        assert store.log_id == other.log_id


async def test_a_backup_made_while_events_are_recorded_holds_whole_commands_up_to_a_moment(
    settings: Settings, tmp_path: Path
):
    """A writer never stops; the copy is of one moment, its definitions and seals no newer than its log needs."""
    made: list[Path] = []
    done = threading.Event()

    def keep_backing_up() -> None:
        while not done.is_set() and len(made) < 5:
            target = tmp_path / f"backup-{len(made)}"
            back_up(settings, target)
            made.append(target)

    backing_up = threading.Thread(target=keep_backing_up)
    backing_up.start()
    number = 0
    while backing_up.is_alive():
        await switched(settings, 30, f"during-{number}")
        await sealed(settings)
        number += 1
    done.set()
    backing_up.join()
    counts = []
    for target in made:
        restored = Settings(data=tmp_path / f"restored-{target.name}")
        restore(target, restored)
        report = await verified(restored)
        assert report.sound, (target, report.findings)
        counts.append(report.transitions)

    assert len(counts) == 5
    assert counts == sorted(counts)


async def test_keys_are_not_in_a_backup(settings: Settings, tmp_path: Path):
    await sealed(settings)
    secret = settings.seal_key_file.read_bytes().splitlines()[1]
    backup = back_up(settings, tmp_path / "backup")

    assert not any("key" in name or name.endswith(".pem") for name in backup.files)
    for name in backup.files:
        assert secret not in (tmp_path / "backup" / name).read_bytes()


def test_the_command_says_what_it_copied(settings: Settings, tmp_path: Path):
    result = run("backup", tmp_path / "backup", "--data", settings.data)

    assert result.exit_code == 0, result.stderr
    assert "2 files" in result.stdout
    assert sorted(os.listdir(tmp_path / "backup")) == ["backup.json", "catalog.sqlite", "log.sqlite"]


def test_a_backup_is_restored_and_verified_by_one_command(settings: Settings, tmp_path: Path):
    run("backup", tmp_path / "backup", "--data", settings.data)
    result = run("restore", tmp_path / "backup", "--data", tmp_path / "restored")

    assert result.exit_code == 0, result.stderr
    assert f"{EVENTS} transitions" in result.stdout
    FolderLock(tmp_path / "restored", "serve").release()


def test_a_backup_goes_into_a_new_folder_alone(settings: Settings, tmp_path: Path):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine").touch()
    result = run("backup", tmp_path / "backup", "--data", settings.data)

    assert result.exit_code == 1
    assert "not empty" in result.stderr


def test_nothing_is_restored_over_an_installation(settings: Settings, tmp_path: Path):
    run("backup", tmp_path / "backup", "--data", settings.data)
    before = settings.log.read_bytes()
    lock = FolderLock(settings.data, "serve")
    result = run("restore", tmp_path / "backup", "--data", settings.data)
    lock.release()

    assert result.exit_code == 1
    assert "is not empty" in result.stderr
    assert settings.log.read_bytes() == before


def test_a_folder_that_somebody_runs_is_not_restored_into(settings: Settings, tmp_path: Path):
    run("backup", tmp_path / "backup", "--data", settings.data)
    lock = FolderLock(tmp_path / "running", "serve")
    result = run("restore", tmp_path / "backup", "--data", tmp_path / "running")
    lock.release()

    assert result.exit_code == 1
    assert "in use by statewright serve" in result.stderr


@pytest.mark.parametrize("name", ["log.sqlite", "catalog.sqlite"])
def test_a_backup_in_which_a_bit_has_flipped_is_refused(settings: Settings, tmp_path: Path, name: str):
    run("backup", tmp_path / "backup", "--data", settings.data)
    raw = bytearray((tmp_path / "backup" / name).read_bytes())
    raw[len(raw) // 2] ^= 4
    (tmp_path / "backup" / name).write_bytes(raw)
    result = run("restore", tmp_path / "backup", "--data", tmp_path / "restored")

    assert result.exit_code == 1
    assert f"{name} is not what was backed up" in result.stderr
    assert not (tmp_path / "restored").exists()


def test_a_backup_of_a_damaged_log_is_restored_but_not_let_run(settings: Settings, tmp_path: Path):
    tampered(settings, "update transition set record = replace(record, '\"n\":9', '\"n\":8') where position = 10")
    run("backup", tmp_path / "backup", "--data", settings.data)
    result = run("restore", tmp_path / "backup", "--data", tmp_path / "restored")

    assert result.exit_code == 1
    assert "position 10: it is not what was written there" in result.stderr
    assert "no server starts on it" in result.stderr
    with pytest.raises(Exception, match="was not finished"):
        FolderLock(tmp_path / "restored", "serve")


@pytest.mark.parametrize("text", ["", "{}", '{"version":9,"made_at":0,"release":"9","files":{}}'])
def test_a_folder_that_holds_no_backup_is_told(tmp_path: Path, text: str):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "backup.json").write_text(text)

    with pytest.raises(CannotRestore, match=r"cannot be read|can restore it"):
        restore(tmp_path / "backup", Settings(data=tmp_path / "restored"))


def test_a_backup_does_not_write_outside_its_folder(settings: Settings, tmp_path: Path):
    run("backup", tmp_path / "backup", "--data", settings.data)
    listed = tmp_path / "backup" / "backup.json"
    listed.write_text(listed.read_text().replace('"log.sqlite"', '"../backup/log.sqlite/../../escaped"'))

    with pytest.raises(CannotRestore):
        restore(tmp_path / "backup", Settings(data=tmp_path / "restored"))


async def test_seals_that_outlived_the_disk_tell_what_a_backup_lacks(settings: Settings, tmp_path: Path):
    apart = Settings(data=settings.data, seals=str(tmp_path / "seals"))
    await sealed(apart)
    await asyncio.to_thread(back_up, apart, tmp_path / "backup")
    await switched(apart, 5, "later")
    await sealed(apart)
    restored = Settings(data=tmp_path / "restored", seals=str(tmp_path / "seals"))
    restore(tmp_path / "backup", restored)
    report = await verified(restored)

    assert [(one.position, one.last) for one in report.findings] == [(41, 45)]
