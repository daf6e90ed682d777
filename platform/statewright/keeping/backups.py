"""Backups of an installation in a folder: made while it runs, and put back where nothing is.

Seals go first, then the log, then the catalogue: so every seal speaks of a transition that the copy has, and every
revision that the log names was registered before. Views are not copied, since they are made again from the log; keys
are not either, since whoever finds a backup is not to find what signs and what decrypts with it.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from statewright.folder import IMPORTING, FolderLock
from statewright.keeping.copying import copy_database, sync
from statewright.machine.moments import Micros
from statewright.settings import Settings

VERSION = 1
LOG, CATALOG, SEALS, LIST = "log.sqlite", "catalog.sqlite", "seals", "backup.json"
_CHUNK = 1 << 20

Progress = Callable[[str], None]
"""Is told what is being copied."""


class CannotBackUp(Exception):
    """A backup cannot be made; the sentence says why and what to do."""


class CannotRestore(Exception):
    """A backup cannot be put back; the sentence says why and what to do."""


class Copied(Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Backup(Struct, frozen=True, kw_only=True):
    """What a backup holds, as its `backup.json` says: files by their path in it, and when and by which release."""

    version: int
    made_at: Micros
    release: str
    files: dict[str, Copied]


def back_up(settings: Settings, target: Path, progress: Progress = lambda _: None) -> Backup:
    """Copy log, catalogue and seals into the new folder `target`, which appears whole or not at all.

    A server may be running. Raises CannotBackUp, and CopyFailed.
    """
    if target.exists() and any(target.iterdir()):
        raise CannotBackUp(f"{target} is there already and not empty; a backup goes into a new folder")
    if settings.store or settings.database:
        raise CannotBackUp(
            f"the log lies at {settings.whereabouts}: back it up by its own means, or use `statewright export`"
        )
    if not settings.log.exists():
        raise CannotBackUp(f"there is no log at {settings.log}; name the installation's folder with --data")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    progress("seals")
    _copy_seals(settings.seals_folder, part / SEALS)
    progress("log")
    copy_database(settings.log, part / LOG)
    progress("catalogue")
    copy_database(settings.data / CATALOG, part / CATALOG)
    progress("checksums")
    files = {str(file.relative_to(part)): _copied(file) for file in _files(part)}
    backup = Backup(version=VERSION, made_at=time.time_ns() // 1_000, release=version("statewright"), files=files)
    (part / LIST).write_bytes(msgspec.json.format(msgspec.json.encode(backup)))
    for path in (*_files(part), part):
        sync(path)
    if target.exists():
        target.rmdir()
    part.rename(target)
    sync(target.parent)
    return backup


def read_backup(folder: Path) -> Backup:
    """What the backup in `folder` says that it holds. Raises CannotRestore."""
    try:
        backup = msgspec.json.decode((folder / LIST).read_bytes(), type=Backup)
    except FileNotFoundError:
        raise CannotRestore(f"{folder} holds no backup: there is no {LIST} in it") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise CannotRestore(f"{folder / LIST} cannot be read: {error}") from None
    if backup.version > VERSION:
        raise CannotRestore(f"the backup is of version {backup.version}; the release that made it can restore it")
    return backup


def restore(folder: Path, settings: Settings, progress: Progress = lambda _: None) -> Backup:
    """Put the backup in `folder` into the data folder of `settings`, which must be empty or not there.

    No server starts on the folder before `finish` was called. Raises CannotRestore, and FolderInUse.
    """
    backup = read_backup(folder)
    for name, copied in backup.files.items():
        progress(name)
        if _inside(folder, name) is None or not (folder / name).is_file() or _copied(folder / name) != copied:
            raise CannotRestore(f"{folder / name} is not what was backed up; take another backup")
    data, seals = settings.data, settings.seals_folder
    _require_empty(data)
    lock = FolderLock(data, "import")
    try:
        (data / IMPORTING).write_text(f"a backup from {folder}\n", encoding="utf-8")
        for name in backup.files:
            within = name.partition("/")
            at = seals / within[2] if within[0] == SEALS else data / name
            at.parent.mkdir(parents=True, exist_ok=True)
            if at.exists():  # seals that lie elsewhere, and outlived the data folder
                _require_continuation(at, folder / name)
                continue
            shutil.copyfile(folder / name, at)
            sync(at)
        sync(data)
    finally:
        lock.release()
    return backup


def _require_continuation(file: Path, copied: Path) -> None:
    """Seals that went on after the backup stay; they tell what it lacks."""
    with file.open("rb") as there, copied.open("rb") as here:
        while chunk := here.read(_CHUNK):
            if there.read(len(chunk)) != chunk:
                raise CannotRestore(f"{file} is of another log's life; move it out of the way, or give another --seals")


def finish(data: Path) -> None:
    """Let a server start on what was restored."""
    (data / IMPORTING).unlink(missing_ok=True)


def _require_empty(data: Path) -> None:
    there = [path.name for path in data.iterdir() if path.name != "lock"] if data.exists() else []
    if there:
        raise CannotRestore(f"{data} is not empty ({', '.join(sorted(there)[:3])} …); restore into a new folder")


def _inside(folder: Path, name: str) -> Path | None:
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) else None


def _copy_seals(seals: Path, target: Path) -> None:
    """The seals as they stand: of each log first the lines, then the entries, which are ahead of them."""
    for file in sorted(_files(seals), key=lambda path: path.suffix == ".entries"):
        if file.name == "lock":
            continue
        at = target / file.relative_to(seals)
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, at)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file()) if folder.exists() else iter(())


def _copied(file: Path) -> Copied:
    with file.open("rb") as opened:
        return Copied(file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest())
