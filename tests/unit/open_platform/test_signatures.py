"""What we send verifies with the reference library, and with nobody else's secret."""

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.open_platform.domain.webhooks import signature, spelled_secret

SECRET, OTHER = spelled_secret(bytes(range(32))), spelled_secret(bytes(range(1, 33)))
BODY = '{"type":"dm.rule_notified","label":"想买车"}'.encode()


def test_the_published_vector_comes_out() -> None:
    signed = signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(*secrets: str, at: int, id_: str = "evt_1") -> dict[str, str]:
    """The three headers of a webhook."""
    signed = signature(secrets, id_, at, BODY)
    return {"webhook-id": id_, "webhook-timestamp": str(at), "webhook-signature": signed}


@pytest.mark.parametrize("kept", [SECRET, OTHER])
def test_while_two_secrets_hold_either_verifies(kept: str) -> None:
    said = Webhook(kept).verify(BODY, headers(SECRET, OTHER, at=int(time.time())))
    assert said["label"] == "想买车"


def test_another_secret_body_or_id_does_not_verify() -> None:
    now = int(time.time())
    good = headers(SECRET, at=now)
    for secret, body, sent in (
        (OTHER, BODY, good),
        (SECRET, BODY + b" ", good),
        (SECRET, BODY, {**good, "webhook-id": "evt_2"}),
        (SECRET, BODY, {**good, "webhook-timestamp": str(now + 1)}),
        (SECRET, BODY, headers(SECRET, at=now - 301)),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, sent)


def test_a_secret_is_24_to_64_bytes_behind_its_prefix() -> None:
    assert 24 <= len(base64.b64decode(SECRET.removeprefix("whsec_"))) <= 64


def test_the_lines_in_the_document_verify_what_we_send() -> None:
    document = Path("docs/webhooks.md").read_text("utf-8")
    lines = document.split("```python\n")[1].split("```")[0]
    said: dict[str, Any] = {}
    exec(lines, said)
    now = int(time.time())
    good = headers(SECRET, OTHER, at=now)
    assert said["is_ours"]([SECRET], good, BODY)
    assert said["is_ours"]([spelled_secret(b"x" * 32), OTHER], good, BODY)
    assert not said["is_ours"]([spelled_secret(b"x" * 32)], good, BODY)
    assert not said["is_ours"]([SECRET], good, BODY + b" ")
    assert not said["is_ours"]([SECRET], headers(SECRET, at=now - 301), BODY)
