"""A log in a file on its way into another engine and back, by the commands that people give."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions
from statewright.cli.demo import fill
from statewright.settings import Settings


async def exported_lives(folder: Path) -> bytes:
    """The export of an installation with made-up lives in a file, each thing recorded when it would have happened."""
    await fill(Settings(data=folder), bundled_definitions()[:3], entities=150, days=60, seed=1)
    lives = await exported(folder)
    assert lives.count(b'"command"') > 2_000, "there is too little in it for this to mean anything"
    return lives


async def exported(folder: Path, store: str = "") -> bytes:
    """What an export writes of a log."""
    result = await _ran("export", "--data", folder, "--store", store)
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


async def imported(text: bytes, folder: Path, store: str = "") -> str:
    """What an import says it did."""
    result = await _ran("import", "-", "--data", folder, "--store", store, text=text)
    assert result.exit_code == 0, result.stderr
    return result.stderr


async def require_sound(folder: Path, store: str = "") -> None:
    """All is as it was written, decided again."""
    result = await _ran("verify", "--deep", "--data", folder, "--store", store)
    assert result.exit_code == 0, result.output
    assert "Everything is as it was written." in result.stdout


async def _ran(*arguments: object, text: bytes | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [str(one) for one in arguments], input=text)
