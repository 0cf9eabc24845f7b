"""The error table: every published code has one meaning, and one action, at each group of endpoints."""

import json
from typing import Any

import pytest

from services.douyin.domain.answers import Action, Conclusion, classify, conclude
from services.douyin.domain.codes import Group, Remedy, listed, meaning
from services.douyin.domain.tokens import Granted, Renewed, granted, renewed, scopes_in

R = Remedy
PUBLISHED: dict[int, Remedy] = {
    **dict.fromkeys([2100004, 28001005, 28001006, 28003018, 28001052, 10001], R.RETRY),
    **dict.fromkeys([28001003, 28001008, 2190002, 2190008, 10008], R.REFRESH),
    **dict.fromkeys([28001012, 2190003, 10007, 10010], R.RE_AUTHORISE),
    **dict.fromkeys([28003017, 2190001], R.WAIT_FOR_QUOTA),
    **dict.fromkeys([28001015, 2190015, 28001014, 28001018, 2190004, 28001016], R.PERMANENT),
    **dict.fromkeys([28001019, 28001056, 28001017, 28001020, 28001021, 28001042], R.PERMANENT),
    **dict.fromkeys([28001045, 28001046, 28001047, 28001007, 2100005, 2100007], R.PERMANENT),
    **dict.fromkeys([2100009, 28004020, 29002002, 10002, 10003, 10004, 10005, 10006], R.PERMANENT),
    **dict.fromkeys([10011, 10012, 10013, 10015, 10017], R.PERMANENT),
}
OF_TOKENS = {code for code in PUBLISHED if code < 20_000 or code == 29002002}
IN_MESSAGES = [28003070, 28003080, 28003081, 28003082, 28003095, 28001038, 28029003, 28029004]
IN_MESSAGES += [28003101, 21103, 2100006]


@pytest.mark.parametrize(("code", "remedy"), PUBLISHED.items())
def test_a_published_code_has_its_remedy(code: int, remedy: Remedy) -> None:
    group = Group.AUTHORISE if code in OF_TOKENS else Group.ASK
    assert meaning(group, code).remedy is remedy


@pytest.mark.parametrize(
    ("group", "code", "remedy", "reason"),
    [
        (Group.RENEW, 10020, R.RE_AUTHORISE, "renewals_used_up"),
        (Group.CLIENT_TOKEN, 10020, R.RETRY, "asked_too_often"),
        (Group.RENEW, 10008, R.RE_AUTHORISE, "refresh_token_expired"),
        (Group.RENEW, 28001007, R.RE_AUTHORISE, "refresh_token_expired"),
        (Group.SEND, 2100006, R.PERMANENT, "not_permitted"),
        (Group.FANS, 2100006, R.PERMANENT, "own_open_id"),
        (Group.SEND, 28001052, R.PERMANENT, "risk_detected"),
        (Group.ASK, 28001052, R.RETRY, "risk_detected"),
        (Group.AUTHORISE, 10014, R.RE_AUTHORISE, "other_client_key"),
        (Group.FANS, 28003070, R.UNKNOWN, "unlisted_code"),
        (Group.ASK, 20028001003, R.UNKNOWN, "unlisted_code"),
        (Group.SEND, 10010, R.UNKNOWN, "unlisted_code"),
    ],
)
def test_where_it_was_said_matters(group: Group, code: int, remedy: Remedy, reason: str) -> None:
    said = meaning(group, code)
    assert (said.remedy, said.reason) == (remedy, reason)


def test_every_code_of_the_table_ends_a_send_in_its_one_way() -> None:
    ways = {
        R.RETRY: Action.TRY_LATER,
        R.REFRESH: Action.REFRESH_TOKEN,
        R.RE_AUTHORISE: Action.FAILED,
        R.WAIT_FOR_QUOTA: Action.FAILED,
        R.PERMANENT: Action.FAILED,
    }
    table = listed(Group.SEND)
    assert set(table) >= {*PUBLISHED, *IN_MESSAGES} - OF_TOKENS
    for code, said in table.items():
        found = classify(200, json.dumps({"err_no": code}).encode())
        expected = Action.UNKNOWN if said.in_doubt else ways[said.remedy]
        assert (found.action, found.reason, found.remedy) == (expected, said.reason, said.remedy)


def test_what_the_platform_says_after_it_may_have_acted_is_never_called_not_sent() -> None:
    in_doubt = {code for code, said in listed(Group.SEND).items() if said.in_doubt}
    assert in_doubt >= {2100004, 28001005, 28001006}
    for code in in_doubt:
        assert classify(200, b'{"err_no":%d}' % code).action is Action.UNKNOWN


CONTENT = {"list": [{"event": "im_receive_msg", "status": 1}], "cursor": "7"}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("E1", {"data": {"error_code": 0, "description": "", **CONTENT}, "extra": {"logid": "l"}}),
        ("E1-flat", {"data": {"error_code": "0"}, "extra": {"error_code": 0}, **CONTENT}),
        ("E2", {"err_no": 0, "err_msg": "", "log_id": "l", "data": CONTENT}),
        ("E2-flat", {"err_no": 0, "err_msg": "", "log_id": "l", **CONTENT}),
        ("E3", {"data": {"error_code": 0, **CONTENT}, "message": "success"}),
        ("E4", {"data": CONTENT, "error_code": 0, "message": "success"}),
    ],
)
def test_the_payload_is_found_in_every_envelope(name: str, answer: dict[str, Any]) -> None:
    end = conclude(Group.ASK, 200, json.dumps(answer).encode())
    assert (end.remedy, end.code, end.fields) == (None, 0, CONTENT), name


def test_a_list_as_payload_is_found_too() -> None:
    end = conclude(Group.ASK, 200, b'{"data":["im.direct_message"],"error_code":0,"message":""}')
    assert end.fields == {"data": ["im.direct_message"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"err_no": 28001008, "err_msg": "x", "log_id": "l"},
        {"data": {"error_code": "28001008"}, "extra": {"error_code": 28001008, "logid": "l"}},
        {"data": {"error_code": 28001008, "log_id": "l"}, "message": "error"},
        {"data": {}, "error_code": 28001008, "message": "x", "log_id": "l"},
    ],
)
def test_a_refusal_is_read_in_every_envelope(answer: dict[str, Any]) -> None:
    end = conclude(Group.ASK, 200, json.dumps(answer).encode())
    assert end == Conclusion(Remedy.REFRESH, "token_refused", 28001008, "l")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (502, b"<html>", "http_502"),
        (200, b"<html>ok</html>", "unreadable_answer"),
        (200, b"", "unreadable_answer"),
        (200, b'{"data":{"access_token":"act.1"', "unreadable_answer"),
        (200, b"{}", "no_code"),
        (200, b'{"data":[]}', "no_code"),
    ],
)
def test_what_cannot_be_read_is_asked_again(status: int, body: bytes, reason: str) -> None:
    expected = Conclusion(Remedy.RETRY, reason, in_doubt=True)
    assert conclude(Group.RENEW, status, body) == expected


def test_a_code_that_is_in_no_list_is_unknown_and_carries_nothing() -> None:
    end = conclude(Group.ASK, 200, b'{"err_no":4711,"data":{"access_token":"act.1"}}')
    assert (end.remedy, end.reason, end.fields) == (Remedy.UNKNOWN, "unlisted_code", {})


def test_tokens_are_read_with_numbers_as_strings() -> None:
    fields = {"access_token": "act.1", "expires_in": "10", "refresh_token": "rft.1"}
    more = {"refresh_expires_in": 20, "open_id": "biz", "scope": "user_info, fans.list,"}
    scopes = ("user_info", "fans.list")
    assert granted(fields | more) == Granted("act.1", 10, "rft.1", 20, "biz", scopes)
    assert granted({"access_token": "clt.1"}) == Granted("clt.1", None, None, None)
    for broken in ({}, {"access_token": ""}, {"access_token": 1}):
        assert granted(broken) is None
    assert renewed({"refresh_token": "rft.2", "expires_in": 5}) == Renewed("rft.2", 5)
    assert renewed({"refresh_token": None}) is None


def test_scopes_come_as_list_or_text_and_only_words_are_kept() -> None:
    assert scopes_in(["a.b", "a.b", 3, " c ", "x\ny", "私"]) == ("a.b", "c")
    assert scopes_in("a.b,c") == ("a.b", "c")
    assert [scopes_in(nothing) for nothing in (None, 7, True, "")] == [()] * 4
