"""The options of an installation, shared by the commands that run one; each is also an environment variable."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from statewright.folder import FolderInUse
from statewright.settings import BadSetting, Settings
from statewright.stores.words import StoreRefused, StoreUnavailable

CANNOT_OPEN = (BadSetting, FolderInUse, StoreRefused, StoreUnavailable)
"""Why an installation is not opened; each says what to do in a sentence."""


def installation(data: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of an installation, as the argument `settings`; `data` is the folder by default."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_settings(**options: Any) -> None:
            given = {name: options.pop(name) for name in Settings.__struct_fields__}
            command(settings=Settings(**given), **options)

        for option in reversed(_options(data)):
            with_settings = option(with_settings)
        return with_settings

    return decorate


def _options(data: str) -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    return [
        _option("--host", default="127.0.0.1", help="Where to listen; until callers have keys, loopback only."),
        _option("--port", default=8000, type=click.IntRange(0, 65_535), help="0 lets the system choose one."),
        _option("--data", default=data, type=click.Path(file_okay=False, path_type=Path), help="All data lies here."),
        *_location(),
        _option(
            "--queue-limit",
            default=20_000,
            type=click.IntRange(1),
            help="How many events may wait for the log; more are answered 503.",
        ),
        _option(
            "--allow-host",
            multiple=True,
            metavar="NAME",
            help="Another name that requests may be addressed to, as a proxy in front passes it on.",
        ),
        _option(
            "--seals",
            default="",
            metavar="FOLDER",
            help="Where the log's seals are written, best on another disk.  [default: seals/ in the data folder]",
        ),
        _option(
            "--seal-key",
            default="",
            metavar="FILE",
            help="The Ed25519 key that signs the seals, a PEM file (in the variable also its text)."
            "  [default: keys/seal.pem in the data folder, made when it is not there]",
        ),
        _option("--single-process", is_flag=True, help="Views in the API's process; meant for tests."),
        _option(
            "--allow-unprotected-personal-data",
            is_flag=True,
            help="Without a master key: let definitions with personal fields be active all the same, unencrypted.",
        ),
        _option(
            "--master-key-file",
            default=None,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="The master keys that protect personal data, one a line, the current one first.",
        ),
        _option("--master-key", default="", hidden=True, help="The same from the environment."),
        _option(
            "--keys",
            default="",
            metavar="FILE|URL",
            help="Where the keys of personal data lie: a file, or a database. By default in DATA/keys, or where the "
            "catalogue is; back them up apart from the log.",
        ),
    ]


def located(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that opens an installation for a while the options that say where it lies, beside its folder."""
    for option in reversed(_location()):
        command = option(command)
    return command


def _location() -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    """The options that say where an installation lies apart from its folder."""
    return [
        _option(
            "--store",
            default="",
            metavar="URL",
            help="Keep the log here instead, as in postgresql://HOST/DATABASE; a plugin opens it.",
        ),
        _option(
            "--database",
            default="",
            metavar="URL",
            help="Keep the catalogue and the views in this PostgreSQL database; default: where the log is, if it can.",
        ),
    ]


def _option(name: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    variable = "STATEWRIGHT_" + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, envvar=variable, show_envvar=True, show_default=bool(more.get("default")), **more)
