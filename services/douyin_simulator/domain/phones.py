"""Phone numbers as the platform hands them out: encrypted with the app's own secret."""

from base64 import b64encode
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

_KEY_BYTES: Final = 32
_IV_BYTES: Final = 16


def encrypt_phone(phone: str, client_secret: str) -> str | None:
    """AES-256-CBC and PKCS#7, key = secret, IV = its first 16 bytes. None: no key of 32 bytes."""
    key = client_secret.encode()
    if len(key) != _KEY_BYTES:
        return None
    padder = PKCS7(algorithms.AES.block_size).padder()
    padded = padder.update(phone.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:_IV_BYTES])).encryptor()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()
