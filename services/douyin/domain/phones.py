"""Phone numbers as the platform hands them out: encrypted with the secret of the app that asked."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

_KEY_BYTES: Final = 32
_IV_BYTES: Final = 16
_MOST_TEXT: Final = 512
_PHONE: Final = re.compile(rb"\+?[0-9][0-9 -]{3,30}")


def decrypt_phone(encrypted: str, secrets: Iterable[bytes]) -> str | None:
    """The number, by the secret that opens it; None: it is none, or of another secret.

    AES-256-CBC and PKCS#7, key = the secret, IV = its first 16 bytes. A wrong secret may unpad by
    chance: only what reads like a number is one.
    """
    if not encrypted or len(encrypted) > _MOST_TEXT:
        return None
    try:
        box = b64decode(encrypted, validate=True)
    except (Error, ValueError):
        return None
    found = (_opened(box, secret) for secret in secrets if len(secret) == _KEY_BYTES)
    return next((plain.decode() for plain in found if _PHONE.fullmatch(plain)), None)


def _opened(box: bytes, key: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_IV_BYTES])).decryptor()
    unpadder = PKCS7(algorithms.AES.block_size).unpadder()
    try:
        padded = decryptor.update(box) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:  # no whole blocks, or padded with another key
        return b""
