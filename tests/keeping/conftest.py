from __future__ import annotations

from pathlib import Path

import pytest

from statewright.settings import Settings
from tests.keeping.keeping import installation, switched


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """An installation with forty events of four lamps in its log, nothing of it sealed."""
    settings = installation(tmp_path / "data")
    await switched(settings)
    return settings
