"""`statewright serve`: the platform, running."""

from __future__ import annotations

import click

from statewright.cli.installation import installation
from statewright.folder import FolderInUse
from statewright.settings import BadSetting, Settings


@click.command()
@installation(data="statewright-data")
def serve(settings: Settings) -> None:
    """Run the platform: API, pages and views, on the data in one folder.

    SIGTERM and Ctrl-C finish what was accepted, and stop.
    """
    run(settings)


def run(settings: Settings) -> None:
    """Serve until told to stop; what keeps it from starting is said in a sentence."""
    from statewright import app  # the web framework takes its time; the other commands do without it

    try:
        app.serve(settings)
    except (BadSetting, FolderInUse, OSError) as error:
        raise click.ClickException(str(error)) from None
