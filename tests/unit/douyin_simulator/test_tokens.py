"""How long tokens live and who may use them."""

from dataclasses import replace

import pytest

from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.tokens import (
    ACTS_FOR_APP,
    Token,
    TokenKind,
    after_new_client_token,
    calls_too_often,
    check_account_token,
    check_code,
    check_refresh,
    check_renewal,
    check_token,
)

ACCESS = Token("act.1", TokenKind.ACCESS, "app", "biz", expires_at_ms=1000)
REFRESH = replace(ACCESS, value="rft.1", kind=TokenKind.REFRESH)
CODE = replace(ACCESS, value="code.1", kind=TokenKind.CODE)


@pytest.mark.parametrize(
    ("token", "now_ms", "code"),
    [
        (ACCESS, 999, 0),
        (ACCESS, 1000, codes.ACCESS_TOKEN_EXPIRED),
        (ACCESS.killed_by(500), 499, 0),
        (ACCESS.killed_by(500), 500, codes.ACCESS_TOKEN_INVALID),
        (None, 0, codes.ACCESS_TOKEN_INVALID),
        (REFRESH, 0, codes.ACCESS_TOKEN_INVALID),
        (replace(ACCESS, open_id="other"), 0, codes.TOKEN_OF_ANOTHER_ACCOUNT),
    ],
)
def test_a_token_acts_for_its_account_while_it_lives(
    token: Token | None, now_ms: int, code: int
) -> None:
    assert check_account_token(token, "biz", now_ms) == code


def test_of_many_client_tokens_only_the_one_before_the_new_one_survives_for_five_minutes() -> None:
    client = replace(ACCESS, kind=TokenKind.CLIENT, open_id="", expires_at_ms=7_200_000)

    newest, oldest = after_new_client_token([client, client], now_ms=10_000)

    assert check_token(newest, ACTS_FOR_APP, 309_999) == codes.OK
    assert check_token(newest, ACTS_FOR_APP, 310_000) == codes.ACCESS_TOKEN_INVALID
    assert check_token(oldest, ACTS_FOR_APP, 10_000) == codes.ACCESS_TOKEN_INVALID


def test_a_second_replacement_does_not_lengthen_a_life() -> None:
    assert ACCESS.killed_by(300).killed_by(600).killed_at_ms == 300


def test_the_501st_client_token_in_five_minutes_is_too_often() -> None:
    assert not calls_too_often([0] * 499, 1000)
    assert calls_too_often([0] * 500, 1000)
    assert not calls_too_often([0] * 500, 300_000)


def test_a_code_buys_once_and_only_for_its_app() -> None:
    assert check_code(CODE, "app", 0) == codes.OK
    assert check_code(CODE, "other", 0) == codes.OTHER_CLIENT_KEY
    assert check_code(CODE.killed_by(0), "app", 0) == codes.CODE_USED_OR_EXPIRED
    assert check_code(CODE, "app", 1000) == codes.CODE_USED_OR_EXPIRED
    assert check_code(REFRESH, "app", 0) == codes.CODE_USED_OR_EXPIRED


def test_a_refresh_token_is_renewed_five_times_at_most() -> None:
    assert check_renewal(replace(REFRESH, renewals=4), "app", 0) == codes.OK
    assert check_renewal(replace(REFRESH, renewals=5), "app", 0) == codes.TOO_OFTEN
    assert check_refresh(replace(REFRESH, renewals=5), "app", 0) == codes.OK
    assert check_renewal(REFRESH, "app", 1000) == codes.REFRESH_TOKEN_EXPIRED
