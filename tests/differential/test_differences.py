"""The differences from XState that tests let pass are those that the reference names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.differences import DIFFERENCES, Difference

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "definition-language.md"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_a_difference_that_is_let_pass_has_its_row_in_the_reference(difference: Difference) -> None:
    section = REFERENCE.read_text().partition("## Where XState and SCXML differ")[2]

    assert f"\n| {difference.row} |" in section
