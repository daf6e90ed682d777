"""The key that seals are signed with, and the public keys by which anybody can check them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PEM = "-----BEGIN"


class BadKey(ValueError):
    """A key cannot be used; the sentence says why and what to do."""


class SealKey:
    """An Ed25519 key (RFC 8032) that signs seals. `id` names it: the first 16 digits of its public half's SHA-256."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key())
        self.id = self.public.id

    @classmethod
    def read(cls, given: str) -> SealKey:
        """The key that `given` is (PEM text), or that lies in the file it names. Raises BadKey."""
        text = given.encode() if given.lstrip().startswith(_PEM) else _text_of(Path(given))
        try:
            private = serialization.load_pem_private_key(text, password=None)
        except (ValueError, TypeError) as error:
            raise BadKey(f"the seal key cannot be read ({error}); give Ed25519 as PEM, without a password") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise BadKey("the seal key is not an Ed25519 key; make one with `openssl genpkey -algorithm ed25519`")
        return cls(private)

    @classmethod
    def made_at(cls, file: Path) -> SealKey:
        """The key in `file`, made there, for its owner's eyes alone, when there is none yet. Raises BadKey."""
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            _write_first(file, pem)
        return cls.read(str(file))

    def sign(self, text: bytes) -> bytes:
        """The signature of `text`."""
        return self._private.sign(text)


class PublicKey:
    """The half of a key that only checks."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.id = hashlib.sha256(raw).hexdigest()[:16]

    @classmethod
    def read(cls, file: Path) -> PublicKey:
        """The public key in a PEM file. Raises BadKey."""
        try:
            public = serialization.load_pem_public_key(_text_of(file))
        except ValueError as error:
            raise BadKey(f"{file} holds no public key ({error})") from None
        if not isinstance(public, Ed25519PublicKey):
            raise BadKey(f"{file} holds a key of another kind than Ed25519")
        return cls(public)

    @property
    def pem(self) -> bytes:
        """The key as a PEM file holds it."""
        return self._public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def confirms(self, signature: bytes, text: bytes) -> bool:
        """Whether the owner of the other half signed `text`."""
        try:
            self._public.verify(signature, text)
        except InvalidSignature:
            return False
        return True


def _text_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadKey(f"{file} cannot be read: {error.strerror}") from None


def _write_first(file: Path, text: bytes) -> None:
    """Write a file whole or not at all; who comes second finds the first one's."""
    new = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, text)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileExistsError):
        os.link(new, file)
    new.unlink()
