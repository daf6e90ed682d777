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


BUNDLE = "json-editor.js"
"""The editor of definitions' text, bundled from `json-editor.mjs` and all that it needs."""
_STUBBED = (
    "shiki/core",
    "shiki/themes/vitesse-light.mjs",
    "shiki/themes/vitesse-dark.mjs",
    "shiki/langs/javascript.mjs",
    "@shikijs/markdown-it/core",
)


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
    for name in ("json-editor.mjs", "shiki-stub.mjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)  # noqa: S603
    built.mkdir()
    manifest = [_take(folder / "node_modules" / package, package, files, built) for package, files in TAKEN.items()]
    manifest += _bundle(folder, built)
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


def _bundle(folder: Path, built: Path) -> list[dict[str, Any]]:
    """Bundle the editor; give an entry for each package in it, the file's own hash in the first."""
    program = next((folder / "node_modules" / "@esbuild").glob("*/bin/esbuild"))
    command = [str(program), "json-editor.mjs", "--bundle", "--format=esm", "--minify", "--target=es2022"]
    command += ["--legal-comments=none", "--metafile=meta.json", "--log-level=warning", f"--outfile={built / BUNDLE}"]
    command += [f"--alias:{name}=./shiki-stub.mjs" for name in _STUBBED]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603
    inputs = json.loads((folder / "meta.json").read_text())["inputs"]
    names = sorted({_package_of(path) for path in inputs if path.startswith("node_modules/")})
    licences = f"{BUNDLE.removesuffix('.js')}.LICENSES.txt"
    (built / licences).write_text("\n\n".join(_licence(folder / "node_modules" / name, name) for name in names))
    digest = hashlib.sha256((built / BUNDLE).read_bytes()).hexdigest()
    return [
        {
            "name": name,
            "version": about["version"],
            "licence": about.get("license", ""),
            "licence_text": licences,
            "sha256": {BUNDLE: digest} if index == 0 else {},
            "bundled_in": BUNDLE,
        }
        for index, name in enumerate(names)
        for about in [json.loads((folder / "node_modules" / name / "package.json").read_text())]
    ]


def _package_of(path: str) -> str:
    steps = path.split("node_modules/")[-1].split("/")
    return "/".join(steps[:2]) if steps[0].startswith("@") else steps[0]


def _licence(package: Path, name: str) -> str:
    """The licence of a package as it carries it; where it carries none, what its description says."""
    about = json.loads((package / "package.json").read_text())
    texts = [path.read_text() for path in sorted(package.iterdir()) if path.stem.lower() in ("license", "licence")]
    text = (
        texts[0] if texts else f"Licensed under {about.get('license', 'unknown terms')}; the package carries no text."
    )
    return f"=== {name} {about['version']} ===\n\n{text.strip()}\n"


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
