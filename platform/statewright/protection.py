"""The protection of personal data that an installation has, by its settings."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url

from statewright.catalog.keys import KeyRing
from statewright.catalog.master import BadMasterKey, MasterKeys
from statewright.settings import BadSetting, Settings


def master_keys_of(settings: Settings) -> MasterKeys | None:
    """The master keys that the settings give, None where they give none. Raises BadSetting."""
    if settings.master_key and settings.master_key_file is not None:
        raise BadSetting("give the master key by `master_key` or by `master_key_file`, not by both")
    try:
        if settings.master_key_file is not None:
            return MasterKeys.of(settings.master_key_file.read_text())
        return MasterKeys.of(settings.master_key.replace(",", "\n")) if settings.master_key else None
    except BadMasterKey as error:
        raise BadSetting(f"the master key cannot be used: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{settings.master_key_file} cannot be read: {error}") from error


def key_ring_of(settings: Settings) -> KeyRing | None:
    """The keys of an installation's personal data; None where it has no master key, and encrypts nothing.

    Raises BadSetting for a master key that is none, or not the one that wraps the keys there are, and where there are
    keys and no master key.
    """
    master = master_keys_of(settings)
    file = _file_of(settings.keys_url)
    if master is None:
        if file is not None and file.exists():
            raise BadSetting(
                f"personal data of this installation is encrypted, by keys in {file}: start with --master-key-file"
            )
        return None
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
    try:
        return KeyRing.open(settings.keys_url, master)
    except BadMasterKey as error:
        raise BadSetting(str(error)) from error


def _file_of(url: str) -> Path | None:
    address = make_url(url)
    return Path(address.database) if address.drivername.startswith("sqlite") and address.database else None
