"""The static files, read once and served compressed under an address that changes with their content."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

from statewright_ui.needs import AskedFor

HERE = Path(__file__).parent
_SUFFIXES = {".css", ".js", ".svg", ".woff2"}
_PACKED = {".woff2"}
"""Kinds that are compressed already."""


class Asset(Struct, frozen=True):
    """One file as it goes out; `packed` is None where compressing it would gain nothing."""

    media_type: str
    body: bytes
    packed: bytes | None


def _found(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in _SUFFIXES]


def _name(path: Path, folder: Path) -> str:
    """`static/vendor/htmx.js` is served as `vendor/htmx.js`; `entity/entity.css` as `entity.css`."""
    static = folder / "static"
    return path.relative_to(static).as_posix() if path.is_relative_to(static) else path.name


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    media_type = "font/woff2" if path.suffix == ".woff2" else mimetypes.guess_type(path.name)[0] or "text/plain"
    packed = None if path.suffix in _PACKED else gzip.compress(body, 9, mtime=0)
    return Asset(media_type, body, packed)


class Assets:
    """Every static file of every page. One digest over all of them stands in their addresses, so browsers keep them
    for good, and addresses relative to each other (fonts in a style sheet) stay within the same set."""

    def __init__(self, folder: Path = HERE) -> None:
        self._files = {_name(path, folder): _read(path) for path in sorted(_found(folder))}
        seen = hashlib.sha256()
        for name, asset in self._files.items():
            seen.update(name.encode() + b"\0" + asset.body)
        self.digest = seen.hexdigest()[:12]

    def address(self, name: str) -> str:
        """Where the file is served. Raises KeyError for one that is not there."""
        self._files[name]
        return f"/static/{self.digest}/{name}"

    def answer(self, name: str, accepts_gzip: bool) -> Response[bytes]:
        """The file. Raises NotFoundException for one that is not there."""
        asset = self._files.get(name)
        if asset is None:
            raise NotFoundException(f"there is no static file {name}")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if asset.packed is not None and accepts_gzip:
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, media_type=asset.media_type, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)


ASSETS = Assets()


@get("/static/{digest:str}/{name:path}", include_in_schema=False, sync_to_thread=False)
def static_file(request: AskedFor, digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A static file; an address from before an update gives the file of today."""
    return ASSETS.answer(str(name).lstrip("/"), "gzip" in request.headers.get("accept-encoding", ""))
