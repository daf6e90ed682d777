"""`statewright serve`: the platform, running."""

from __future__ import annotations

import errno

import click

from statewright.cli.installation import CANNOT_OPEN, installation
from statewright.settings import Settings


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
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise click.ClickException(str(error)) from None
        where = f"{settings.host}:{settings.port}"
        remedy = f"take another with --port {_another(settings.port)} (or make run PORT={_another(settings.port)})"
        raise click.ClickException(f"something else listens on {where} already; stop it, or {remedy}") from None
    except CANNOT_OPEN as error:
        raise click.ClickException(str(error)) from None


def _another(port: int) -> int:
    """A port to propose in place of one that is taken."""
    return 9000 if port != 9000 else 9100
