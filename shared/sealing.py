"""Sealed fields: AES-256-GCM under a key per organisation and day, derived from the master key.

Used for personal fields on the carrier (`seal`), for secrets at rest (`seal_secret`), and for what was
received and is kept as it came (`seal_bytes`).
"""

import base64
from datetime import date
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.ids import chance

_NONCE = 12
_BYTES_MARK = b"\x01"  # no JSON begins so: what was kept before there were seals is told apart
_DAY = len("2026-01-31")


class SealBroken(ValueError):
    """The text was not sealed by this key for this owner."""


class Sealer:
    """Seals and opens for any organisation. Holds the master key; never log or dump it."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) < 32:
            raise ValueError("the master key needs at least 32 bytes")
        self._master = master_key
        self._cipher = lru_cache(maxsize=4096)(self._derive_cipher)

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key of its own for `purpose`."""
        return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self._master)

    def _derive_cipher(self, owner: str, day: str) -> AESGCM:
        return AESGCM(self.derive(f"seal|{owner}|{day}"))

    def seal(self, organization_id: str, plain: str, day: date) -> str:
        """Sealed text that only this organisation's key of `day` (UTC) opens."""
        return self._seal(organization_id, plain, day.isoformat())

    def seal_secret(self, owner: str, plain: str) -> str:
        """A secret at rest; `owner` names tenant, table, column and row, so that it cannot be moved."""
        return self._seal(owner, plain, "at-rest")

    def _seal(self, owner: str, plain: str, key_id: str) -> str:
        nonce = chance(_NONCE)
        box = self._cipher(owner, key_id).encrypt(nonce, plain.encode("utf-8"), owner.encode())
        return f"s1.{key_id}.{base64.b64encode(nonce + box).decode()}"

    def seal_bytes(self, organization_id: str, plain: bytes, day: date) -> bytes:
        """The same as `seal`, from bytes to bytes; `open_bytes` opens it."""
        key_id, nonce = day.isoformat(), chance(_NONCE)
        box = self._cipher(organization_id, key_id).encrypt(nonce, plain, organization_id.encode())
        return b"".join((_BYTES_MARK, key_id.encode(), nonce, box))

    def open_bytes(self, organization_id: str, kept: bytes) -> bytes:
        """The plain bytes; those that were kept without a seal come back as they are. Raises SealBroken."""
        if not kept.startswith(_BYTES_MARK):
            return kept
        day, nonce, box = kept[1 : 1 + _DAY], kept[1 + _DAY :][:_NONCE], kept[1 + _DAY + _NONCE :]
        try:
            cipher = self._cipher(organization_id, day.decode())
            return cipher.decrypt(nonce, box, organization_id.encode())
        except (InvalidTag, ValueError) as broken:
            raise SealBroken("sealed for somebody else") from broken

    def open(self, owner: str, sealed: str) -> str:
        """The plain text. Raises SealBroken when owner, key or text do not match."""
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if version != "s1" or not body:
            raise SealBroken("not a sealed text")
        try:
            raw = base64.b64decode(body)
            plain = self._cipher(owner, key_id).decrypt(raw[:_NONCE], raw[_NONCE:], owner.encode())
        except (InvalidTag, ValueError) as broken:
            raise SealBroken("sealed for somebody else") from broken
        return plain.decode("utf-8")
