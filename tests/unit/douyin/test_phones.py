"""Phone numbers of the platform: opened by the right secret, and by no other."""

import os
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from services.douyin.domain.phones import decrypt_phone
from tests.support.vectors import VECTORS

VECTOR = VECTORS["decrypt"]
KEY = VECTOR["key_utf8"].encode()


def encrypted(plain: bytes, key: bytes = KEY) -> str:
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def test_the_vector_opens() -> None:
    assert VECTOR["iv_utf8"].encode() == KEY[:16]
    assert decrypt_phone(VECTOR["ciphertext_base64"], [KEY]) == VECTOR["plaintext"]


def test_while_a_secret_is_rotated_either_opens() -> None:
    assert decrypt_phone(VECTOR["ciphertext_base64"], [b"x" * 32, KEY]) == VECTOR["plaintext"]


@pytest.mark.parametrize(
    "given_",
    ["", "x", "RJRBlQT3IEhRh6PPOsIyEw", "RJRBlQT3IEhRh6PPOsIyEw==\n", "AAAA", "号码", "A" * 600],
    ids=lambda text: text[:30],
)
def test_what_is_no_encrypted_number_is_none(given_: str) -> None:
    assert decrypt_phone(given_, [KEY]) is None


@pytest.mark.parametrize("plain", [b"", b"not a number", "一三八".encode(), b"\xff\xfe", b"12"])
def test_what_reads_like_no_number_is_none(plain: bytes) -> None:
    assert decrypt_phone(encrypted(plain), [KEY]) is None


@given(st.from_regex(rb"\A\+?[0-9]{5,15}\Z"))
def test_every_number_comes_back(phone: bytes) -> None:
    assert decrypt_phone(encrypted(phone), [KEY]) == phone.decode()


def test_a_secret_of_another_length_or_app_opens_nothing() -> None:
    assert decrypt_phone(VECTOR["ciphertext_base64"], [b"short", KEY + b"x"]) is None
    for _ in range(2000):  # one in 256 unpads by chance
        assert decrypt_phone(VECTOR["ciphertext_base64"], [os.urandom(32)]) is None
