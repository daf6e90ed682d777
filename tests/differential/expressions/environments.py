"""The other engines, each in a virtual environment of its own, since both install a module named `cel`.

Run as a module, it makes them under `build/engines`, which git does not keep.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HOUSE = Path(__file__).parents[3]
FOLDER = HOUSE / "build" / "engines"
ENGINES = {"cpp": "cel-expr-python==0.1.3", "rust": "common-expression-language==0.10.0"}
"""The engines by the name that `engine.py` knows them by, each with the release that was compared."""


class NotInstalled(Exception):
    """An engine could not be installed; the message is pip's last line."""


def python_of(name: str) -> Path:
    """The interpreter of the engine's environment, which is made when it is not there. Raises NotInstalled."""
    folder = FOLDER / name
    python = folder / "bin" / "python"
    mark = folder / f"{ENGINES[name]}.{sys.version_info.minor}.installed"
    if not mark.exists():
        venv.EnvBuilder(with_pip=True, clear=True).create(folder)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ENGINES[name]]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise NotInstalled((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        mark.touch()
    return python


if __name__ == "__main__":
    for engine in ENGINES:
        print(engine, python_of(engine))
