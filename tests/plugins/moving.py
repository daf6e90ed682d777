"""A log in a file on its way into another engine and back, by the commands that people give."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.app import installed
from statewright.cli import main
from statewright.cli.bundled import bundled_definitions
from statewright.machine.record import COMMANDS_KEPT
from statewright.settings import Settings
from statewright.stores.words import Ref
from statewright.testkit.store.moving import what_another_log_recorded
from tests.plugins.callers import LAMP


async def run(*arguments: object, text: bytes | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, [str(one) for one in arguments], input=text)
