"""What `statewright verify` says, and with which status it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.keeping.keys import SealKey
from statewright.settings import Settings
from tests.keeping.keeping import sealed, switched, tampered


def verify(settings: Settings, *options: object) -> Result:
    return CliRunner().invoke(main, ["verify", "--data", str(settings.data), *map(str, options)])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path / "data")
    asyncio.run(switched(settings, 12))
    return settings


def test_a_sound_log_ends_with_0_and_one_sentence(settings: Settings):
    asyncio.run(sealed(settings))
    result = verify(settings)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "12 transitions of 4 entities, 12 of them under 2 seals" in result.stdout
    assert result.stdout.endswith("Everything is as it was written.\n")


def test_what_is_found_is_told_line_by_line_and_ends_with_1(settings: Settings):
    asyncio.run(sealed(settings))
    tampered(settings, "delete from transition where position = 7")
    result = verify(settings)

    assert result.exit_code == 1
    assert "seal: position 7: it was sealed, and is gone" in result.stderr
    assert "Found: 1 × seal, 1 × life" in result.stdout or "Found: 1 × life, 1 × seal" in result.stdout


def test_a_program_is_told_the_same_as_json(settings: Settings):
    tampered(settings, "delete from transition where position = 7")
    result = verify(settings, "--format", "json", "--deep")
    report = json.loads(result.stdout)

    assert (result.exit_code, result.stderr) == (1, "")
    assert (report["sound"], report["counts"]) == (False, {"life": 1})
    assert report["findings"][0]["position"] == 11


def test_a_log_that_is_not_sealed_is_noted_and_only_found_fault_with_on_demand(settings: Settings):
    assert "nothing of this log is sealed yet" in verify(settings).stdout
    assert verify(settings).exit_code == 0
    demanded = verify(settings, "--require-seals")

    assert demanded.exit_code == 1
    assert "12 transitions at the end of the log are not sealed" in demanded.stderr


def test_seals_can_be_checked_against_one_key_alone(settings: Settings, tmp_path: Path):
    asyncio.run(sealed(settings))
    (own,) = (settings.data / "seals").glob("*.pub")
    other = tmp_path / "other.pub"
    other.write_bytes(SealKey.made_at(tmp_path / "other.pem").public.pem)

    assert verify(settings, "--trust", own).exit_code == 0
    assert verify(settings, "--trust", other).exit_code == 1
    assert "holds no public key" in verify(settings, "--trust", settings.log).stderr


def test_a_folder_without_a_log_is_told(tmp_path: Path):
    result = verify(Settings(data=tmp_path))

    assert result.exit_code == 1
    assert "there is no log at" in result.stderr
    assert list(tmp_path.iterdir()) == []
