"""`statewright keys`: the master key that protects personal data, made and changed."""

from __future__ import annotations

from pathlib import Path

import click

from statewright.catalog.master import new_master_key
from statewright.protection import key_ring_of
from statewright.settings import BadSetting, Settings
from statewright.stores.sealing import KeysUnavailable


@click.group()
def keys() -> None:
    """Make a master key for personal data, or change it."""


@keys.command()
def new() -> None:
    """Print a new master key, a line for the file that `--master-key-file` names.

    Keep it apart from the data and from its backups: whoever has both reads everything, and without it nobody does.
    """
    click.echo(new_master_key())


@keys.command()
@click.option(
    "--data",
    default="statewright-data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="STATEWRIGHT_DATA",
    show_default=True,
    show_envvar=True,
    help="The folder of the installation.",
)
@click.option("--store", default="", envvar="STATEWRIGHT_STORE", show_envvar=True, help="The URL of its log.")
@click.option("--keys", "keys_at", default="", envvar="STATEWRIGHT_KEYS", show_envvar=True, help="Where its keys lie.")
@click.option(
    "--master-key-file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="STATEWRIGHT_MASTER_KEY_FILE",
    show_envvar=True,
    help="The master keys, the new one on top.",
)
def rewrap(data: Path, store: str, keys_at: str, master_key_file: Path) -> None:
    """Wrap every key by the first master key of the file, while the server runs or not.

    Start the server with the new file first, so that it knows both keys; afterwards the old line may go.
    """
    settings = Settings(data=data, store=store, keys=keys_at, master_key_file=master_key_file)
    try:
        ring = key_ring_of(settings)
        assert ring is not None
        try:
            done = ring.rewrap()
        finally:
            ring.close()
    except (BadSetting, KeysUnavailable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{done:,} keys are wrapped anew.", err=True)
