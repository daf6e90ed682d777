"""The command line, `statewright`: serve, demo, check, convert, test, diagram, simulate, replay, export, import,
backup, restore, verify, erase, keys.

Problems and progress go to standard error, results to standard output. Exit codes: 0 all is well, 1 something was
found wrong or could not be done, 2 the command line itself is wrong.
"""

from __future__ import annotations

import click

from statewright.cli.backups import back_up_now, restore_backup
from statewright.cli.check import check
from statewright.cli.convert import convert
from statewright.cli.demo import demo
from statewright.cli.diagram import diagram
from statewright.cli.erase import erase
from statewright.cli.keys import keys
from statewright.cli.moving import export_log, import_log
from statewright.cli.replay import replay
from statewright.cli.serve import serve
from statewright.cli.simulate import simulate
from statewright.cli.test import test
from statewright.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="statewright")
def main() -> None:
    """Keep the lives of business entities: define them, run them, look at them."""


RUNNING = (serve, demo)
DEFINITIONS = (check, convert, test, diagram, simulate, replay)
KEEPING = (verify, back_up_now, restore_backup, export_log, import_log, erase, keys)

for command in (*RUNNING, *DEFINITIONS, *KEEPING):
    main.add_command(command)
