"""`statewright erase`: erase the personal data of an entity, through a running server."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import click
import msgspec

from statewright.cli.servers import ConnectionBroken, RemoteServer, once


@click.command()
@click.argument("type")
@click.argument("id")
@click.option(
    "--server",
    default="http://127.0.0.1:8000",
    envvar="STATEWRIGHT_SERVER",
    show_default=True,
    show_envvar=True,
    help="The address of the server.",
)
def erase(type: str, id: str, server: str) -> None:
    """Erase the personal data of the entity ID of TYPE, for good.

    Its keys are destroyed, so that no copy of the log gives its personal values any more; the rest of its history
    stays. Run again it tells when it was erased.
    """
    try:
        status, text = asyncio.run(_erased(type, id, server))
    except ConnectionBroken as error:
        raise click.ClickException(str(error)) from error
    answer = msgspec.json.decode(text)
    if status != 200:
        raise click.ClickException(answer.get("detail", f"the server answered {status}"))
    fields = ", ".join(answer.get("removed", ())) or "values of earlier transitions alone"
    click.echo(f"{type}/{id}: erased at version {answer['version']}, {answer['recorded_at']}: {fields}")


async def _erased(type: str, id: str, server: str) -> tuple[int, bytes]:
    path = f"/entities/{quote(type, safe='')}/{quote(id, safe='')}/erase"
    async with RemoteServer(server) as remote, remote.post(path, "application/json", once(b"{}")) as answer:
        return answer.status, await answer.text()
