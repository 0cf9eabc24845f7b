"""What an answer of the platform means: every form of vector 9, and what nobody can be sure of."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.douyin.domain.answers import Action, Verdict, classify, read_answer

SEND: dict[str, Any] = json.loads(Path("tests/contract/douyin/vectors.json").read_text("utf-8"))[
    "send"
]
FAILURES = {f["name"]: f for f in SEND["failures"]}


def verdict(fields: Any, status: int = 200) -> Verdict:
    return classify(status, json.dumps(fields).encode())


def test_the_success_of_vector_9_is_sent() -> None:
    found = classify(SEND["success"]["http_status"], SEND["success"]["body"].encode())
    assert found == Verdict(Action.SENT, None, 0, "@out001==", "x")


@pytest.mark.parametrize("name", ["cap_e2", "cap_e1", "cap_e1_string_code"])
def test_every_form_of_the_cap_is_the_same_refusal(name: str) -> None:
    failure = FAILURES[name]
    found = classify(failure["http_status"], failure["body"].encode())
    assert (found.action, found.code) == (Action.FAILED, failure["expect"]["code"])
    assert found.reason == found.closes_window == failure["expect"]["outcome"] == "cap_reached"
    assert found.log_id == "x"


def test_a_partial_success_is_read_item_by_item_and_is_not_called_sent() -> None:
    body = FAILURES["partial"]["body"].encode()
    answer = read_answer(body)
    assert answer is not None
    items = FAILURES["partial"]["expect"]["items"]
    assert answer.item_codes == tuple(0 if i["ok"] else i["code"] for i in items)
    assert classify(200, body).action is Action.UNKNOWN


@pytest.mark.parametrize(
    ("code", "action", "reason", "closes"),
    [
        (28003070, Action.FAILED, "cap_reached", "cap_reached"),
        (28003080, Action.FAILED, "window_expired", "window_expired"),
        (28003081, Action.FAILED, "window_expired", "window_expired"),
        (28003082, Action.FAILED, "message_mismatch", None),
        (28003095, Action.FAILED, "workbench_strategy", None),
        (28001038, Action.FAILED, "content_refused", None),
        (28003018, Action.TRY_LATER, "throttled", None),
        (2190001, Action.FAILED, "daily_quota_used", None),
        (28001003, Action.REFRESH_TOKEN, "token_refused", None),
        (28001008, Action.REFRESH_TOKEN, "token_refused", None),
        (2190002, Action.REFRESH_TOKEN, "token_refused", None),
        (2190008, Action.REFRESH_TOKEN, "token_refused", None),
        (28001012, Action.FAILED, "not_authorised", None),
        (2190003, Action.FAILED, "not_authorised", None),
        (2100004, Action.UNKNOWN, "system_busy", None),
        (28001005, Action.UNKNOWN, "system_busy", None),
        (28001006, Action.UNKNOWN, "network_error", None),
        (4711, Action.UNKNOWN, "unlisted_code", None),
        (-1, Action.UNKNOWN, "unlisted_code", None),
    ],
)
def test_the_table_says_the_same_in_every_envelope(
    code: int, action: Action, reason: str, closes: str | None
) -> None:
    forms = [
        {"err_no": code, "err_msg": "x"},
        {"data": {"error_code": code}, "extra": {"error_code": code}},
        {"data": {"error_code": code}},
        {"data": {}, "extra": {"error_code": code, "log_id": "l"}},
        {"error_code": code, "message": "x", "data": {}},
        {"err_no": 0, "all_send_success": False, "send_msg_status_list": [{"error_code": code}]},
    ]
    found = [verdict(form) for form in forms]
    assert {(v.action, v.reason, v.closes_window, v.code) for v in found} == {
        (action, reason, closes, code)
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"error_code": 0}, "msg_id": "@m=="},
        {"data": {"error_code": "0", "msg_id": "@m=="}},
        {"err_no": 0, "data": {"msg_id": "@m=="}},
        {"err_no": 0, "msg_list": ["@m=="]},
        {"err_no": 0, "msg_id": "@m==", "all_send_success": True}
        | {"send_msg_status_list": [{"error_code": 0}]},
    ],
    ids=lambda fields: str(len(fields)) + next(iter(fields)) + repr(fields)[-12:],
)
def test_success_is_read_in_every_envelope(fields: dict[str, Any]) -> None:
    found = verdict(fields)
    assert (found.action, found.message_id) == (Action.SENT, "@m==")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, SEND["success"]["body"]),
        (502, "<html>Bad Gateway</html>"),
        (404, FAILURES["cap_e2"]["body"]),
        (204, ""),
        (302, ""),
        (200, ""),
        (200, "<html>ok</html>"),
        (200, SEND["success"]["body"][:-5]),
        (200, "[]"),
        (200, "null"),
        (200, "{}"),
        (200, '{"data":{}}'),
        (200, '{"data":{"error_code":null}}'),
        (200, '{"data":{"error_code":true}}'),
        (200, '{"data":{"error_code":"many"}}'),
        (200, '{"err_no":99999999999999999999}'),
        (200, '{"data":{"error_code":0},"extra":{"error_code":28003070}}'),
        (200, '{"err_no":28003070,"msg_id":"@m=="}'),
        (200, '{"err_no":0,"all_send_success":false}'),
        (200, '{"err_no":0,"send_msg_status_list":[{}]}'),
        (200, "[" * 100_000),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_whatever_leaves_a_doubt_is_unknown(status: int, body: str) -> None:
    assert classify(status, body.encode()).action is Action.UNKNOWN


def test_bytes_that_are_no_text_are_unknown() -> None:
    assert classify(200, b"\xff\xfe\x00").action is Action.UNKNOWN


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "unreadable_answer"),
        (b"[" * 200_000, "unreadable_answer"),
        (b"\xff\xfe{}", "unreadable_answer"),
        (b'"sent"', "unreadable_answer"),
        (b"{}", "no_code"),
        (b'{"err_no":[0],"msg_id":["@x=="]}', "no_code"),
        (b'{"err_no":true}', "no_code"),
    ],
    ids=["no object", "deep", "not UTF-8", "a word", "no code", "other types", "true"],
)
def test_whatever_else_the_platform_says_is_unknown_for_one_stable_reason(
    body: bytes, reason: str
) -> None:
    verdict = classify(200, body)
    assert (verdict.action, verdict.reason) == (Action.UNKNOWN, reason)
