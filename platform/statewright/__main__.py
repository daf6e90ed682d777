"""`python -m statewright` is the command line too."""

from __future__ import annotations

from statewright.cli import main

main(prog_name="statewright")
