"""Fetches the vendored browser assets at the versions in package-lock.json and writes them and their manifest.

Run `python ui/statewright_ui/vendor/rebuild.py` after changing a version in package.json (and `npm install
--package-lock-only` beside it); `--check` writes nothing and fails when what is committed differs. Needs Node's npm.
An installation needs neither: the assets are committed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ASSETS = HERE.parent / "static" / "vendor"
TAKEN = {
    "htmx.org": {"dist/htmx.min.js": "htmx.js", "dist/ext/hx-sse.min.js": "hx-sse.js"},
    "@fontsource-variable/inter": {
        "files/inter-latin-wght-normal.woff2": "inter.woff2",
        "files/inter-latin-ext-wght-normal.woff2": "inter-ext.woff2",
    },
    "@fontsource-variable/jetbrains-mono": {"files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono.woff2"},
}
"""Per package: the file in it, and the name it has here."""


def main(check: bool) -> int:
    """Build everything in a folder of its own, then compare with what is committed, or replace it."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "built"
        _build(Path(folder), built)
        if check:
            return _report(_differences(built, ASSETS))
        shutil.rmtree(ASSETS, ignore_errors=True)
        shutil.copytree(built, ASSETS)
    return 0


def _build(folder: Path, built: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not here: install Node.js 20 or later to rebuild the vendored assets")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)  # noqa: S603
    built.mkdir()
    manifest = [_take(folder / "node_modules" / package, package, files, built) for package, files in TAKEN.items()]
    (built / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _take(package: Path, name: str, files: dict[str, str], built: Path) -> dict[str, Any]:
    """Copy what is taken from one package, its licence with it; give its entry in the manifest."""
    about = json.loads((package / "package.json").read_text())
    licence = f"{name.rsplit('/', 1)[-1]}.LICENSE.txt"
    shutil.copy(package / "LICENSE", built / licence)
    for source, target in files.items():
        shutil.copy(package / source, built / target)
    hashes = {target: hashlib.sha256((built / target).read_bytes()).hexdigest() for target in sorted(files.values())}
    return {
        "name": name,
        "version": about["version"],
        "licence": about["license"],
        "licence_text": licence,
        "sha256": hashes,
    }


def _differences(built: Path, committed: Path) -> list[str]:
    names = sorted({path.name for folder in (built, committed) for path in folder.iterdir()})
    return [name for name in names if _bytes(built / name) != _bytes(committed / name)]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _report(different: list[str]) -> int:
    for name in different:
        sys.stderr.write(f"static/vendor/{name} is not what package-lock.json builds: run vendor/rebuild.py\n")
    return 1 if different else 0


if __name__ == "__main__":
    raise SystemExit(main(check="--check" in sys.argv[1:]))
