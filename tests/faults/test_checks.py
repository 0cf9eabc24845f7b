"""The judges of a fault run: a history without a mistake has no complaint, and each mistake has its own."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.wire import DEMO
from tests.faults import checks
from tests.faults.callers import Written
from tests.faults.checks import Facts
from tests.faults.hooks import DIES, TAKES, Came, Hearer, told_right
from tests.faults.logs import nothing_told
from tests.faults.scenarios.processes import failures
from tests.faults.tenants import REPLIES
from tests.faults.traffic import History, say

RULES = ("问价格", "问尺码", "问面料")


@dataclass
class Case:
    """Three messages of one fan and a person's reply, all answered as they should be."""

    history: History = field(default_factory=History)
    sent: list[dict[str, Any]] = field(default_factory=list)
    stories: dict[str, dict[str, Any]] = field(default_factory=dict)
    windows: list[dict[str, Any]] = field(default_factory=list)
    refusals: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    written: Written = field(default_factory=Written)

    def complaints(self) -> list[str]:
        facts = Facts(self.history, self.sent, self.stories, self.written)
        return [
            *checks.refused_for_nothing(self.history),
            *checks.nothing_lost(facts),
            *checks.nothing_doubled(facts),
            *checks.nothing_failed_was_accepted(facts),
            *checks.nothing_over_quota(facts),
            *checks.nothing_forgotten(facts, self.windows),
            *checks.refused_for_a_reason(facts, self.refusals),
            *checks.failed_for_a_reason(facts, self.refusals),
            *checks.nobody_mixed_up(facts),
            *checks.in_order(facts, self.positions),
            *checks.one_effect_a_key(facts),
        ]


def right() -> Case:
    case = Case()
    for number in range(3):
        said = say("fan", RULES[number], "t", number)
        message_id, shop = said.inbound.message_id, said.inbound.shop.open_id
        case.history.said[message_id] = said
        case.history.tried[message_id] = case.history.acknowledged[message_id] = number * 100.0
        case.sent.append(_sent(f"@out{number}", message_id, REPLIES[shop][RULES[number]]))
        case.stories[message_id] = {
            "outcome": "replied",
            "attempt": "sent",
            "reason": None,
            "attempts": 1,
            "msg_id": f"@out{number}",
            "quota": None,
        }
        case.positions[f"@out{number}"] = number
        case.windows.append({"subject": "fan", "window_id": message_id, "used": 1, "held": 0})
    last = "@t-000002=="
    case.sent.append(_sent("@person", last, "客服"))
    case.written.texts.add("客服")
    case.written.answers["客服"] = [(202, "op_1"), (202, "op_1")]
    case.windows[-1]["used"] = 2
    return case


def _sent(msg_id: str, reply_to: str, text: str) -> dict[str, Any]:
    return {
        "msg_id": msg_id,
        "reply_to_msg_id": reply_to,
        "to_user_id": "fan",
        "open_id": "biz-open-id-0001",
        "conversation_id": "@conv-fan==",
        "content": {"text": {"text": text}},
    }


def _lost(case: Case) -> None:
    case.stories["@t-000000=="]["outcome"] = None


def _never_stored(case: Case) -> None:
    del case.stories["@t-000000=="]


def _not_acknowledged(case: Case) -> None:
    del case.history.acknowledged["@t-000000=="]


def _refused(case: Case) -> None:
    case.history.answers["401"] += 1


def _without_reason(case: Case) -> None:
    del case.sent[0]
    case.stories["@t-000000=="] |= {"attempt": "failed", "reason": None, "msg_id": None}


def _claimed_as_sent(case: Case) -> None:
    del case.sent[0]


def _doubled(case: Case) -> None:
    case.sent.insert(1, {**case.sent[0], "msg_id": "@again"})


def _person_doubled(case: Case) -> None:
    case.sent.append({**case.sent[-1], "msg_id": "@again"})


def _over_quota(case: Case) -> None:
    for number in range(checks.CAP):
        text = f"客服 {number}"
        case.sent.append(_sent(f"@more{number}", "@t-000002==", text))
        case.written.texts.add(text)


def _hold_forgotten(case: Case) -> None:
    case.windows[-1]["used"] = 1


def _never_sent_but_used(case: Case) -> None:
    case.windows[0]["used"] = 5


def _sent_without_quota(case: Case) -> None:
    del case.windows[0]


def _failed(case: Case, reason: str) -> None:
    """Message 0 was not answered, and this is said of it."""
    del case.sent[0]
    case.stories["@t-000000=="] |= {"attempt": "failed", "reason": reason, "msg_id": None}
    case.windows[0]["used"] = 0


def _failed_for_nothing(case: Case) -> None:
    _failed(case, "cap_reached")


def _quota_says_no(case: Case, **denied: object) -> None:
    """Message 0 was not answered, as quota said this."""
    del case.sent[0], case.windows[0]
    answer = {"reason": "exhausted", "cap": 4, "used": 3, "held": 1, **denied}
    said = {"outcome": "refused", "attempt": None, "attempts": None, "msg_id": None}
    case.stories["@t-000000=="] |= {**said, "quota": json.dumps({"denied": answer})}


def _refused_with_room(case: Case) -> None:
    _quota_says_no(case, used=2)


def _refused_by_another_cap(case: Case) -> None:
    _quota_says_no(case, cap=1)


def _refused_for_nothing(case: Case) -> None:
    _quota_says_no(case)
    case.stories["@t-000000=="]["quota"] = "null"


def _to_somebody_else(case: Case) -> None:
    case.sent[0]["to_user_id"] = "stranger"


def _by_another_shop(case: Case) -> None:
    case.sent[0]["open_id"] = "biz-open-id-other"


def _not_asked_for(case: Case) -> None:
    case.sent[0]["content"]["text"]["text"] = "随便"


def _called_failed(case: Case) -> None:
    case.stories["@t-000000=="] |= {"attempt": "failed", "reason": "unreachable", "msg_id": None}


def _words_of_another_shop(case: Case) -> None:
    case.sent[0]["content"]["text"]["text"] = REPLIES["biz-open-id-other"][RULES[0]]


def _turned_round(case: Case) -> None:
    case.sent[0], case.sent[1] = case.sent[1], case.sent[0]


def _later_first(case: Case) -> None:
    _turned_round(case)
    case.positions = {}


def _two_effects(case: Case) -> None:
    case.written.answers["客服"] = [(202, "op_1"), (202, "op_2")]


def _sent_though_refused(case: Case) -> None:
    case.written.answers["客服"] = [(429, ""), (429, "")]


MISTAKES: dict[Callable[[Case], None], str] = {
    **dict.fromkeys((_lost, _never_stored, _not_acknowledged, _refused, _without_reason), "I1"),
    _not_asked_for: "I1",
    **dict.fromkeys((_claimed_as_sent, _doubled, _person_doubled, _called_failed), "I2"),
    _failed_for_nothing: "I1",
    **dict.fromkeys((_over_quota, _refused_with_room, _refused_by_another_cap), "I3"),
    _refused_for_nothing: "I3",
    **dict.fromkeys((_hold_forgotten, _never_sent_but_used, _sent_without_quota), "I4"),
    **dict.fromkeys((_to_somebody_else, _by_another_shop, _words_of_another_shop), "I9"),
    **dict.fromkeys((_turned_round, _later_first), "I10"),
    **dict.fromkeys((_two_effects, _sent_though_refused), "I11"),
}


def test_a_right_history_has_no_complaint() -> None:
    assert right().complaints() == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__.strip("_"))
def test_a_mistake_is_noticed_by_its_number(mistake: Callable[[Case], None]) -> None:
    case = deepcopy(right())
    mistake(case)
    found = {complaint.split(" ")[0] for complaint in case.complaints()}
    assert MISTAKES[mistake] in found


def test_quota_may_say_no_when_what_the_bot_may_use_is_taken() -> None:
    case = right()
    _quota_says_no(case)
    assert case.complaints() == []


@pytest.mark.parametrize("reason", ["window_expired", "closed_by_platform"])
def test_quota_may_say_no_when_the_window_is_over(reason: str) -> None:
    case = right()
    _quota_says_no(case, reason=reason, used=0, held=0)
    assert case.complaints(), "nobody closed it"
    case.history.jumps, case.refusals = [10.0], 1
    assert case.complaints() == []


def test_a_send_may_fail_when_its_window_ended_or_its_owner_withdrew() -> None:
    late, withdrawn = right(), right()
    _failed(late, "window_expired")
    _failed(withdrawn, "not_authorised")
    assert late.complaints(), "no clock was moved"
    assert withdrawn.complaints(), "nobody withdrew"
    late.history.jumps = [10.0]
    withdrawn.history.withdrawn = {"biz-open-id-0001"}
    assert late.complaints() == withdrawn.complaints() == []


def test_sends_may_fail_as_often_as_the_platform_was_ordered_to_refuse() -> None:
    case = right()
    _failed_for_nothing(case)
    case.refusals = 1
    assert case.complaints() == []


def test_no_log_tells_a_number_or_what_somebody_wrote(tmp_path: Path) -> None:
    def complaints(line: str) -> list[str]:
        log = tmp_path / "quota-api.log"
        log.write_text('{"event": "reserved", "level": "info"}\n' + line, "utf-8")
        return [c[:2] for c in nothing_told([log], {"多少钱呀", "s3cret"}, {"13800000012"})]

    assert complaints('{"event": "failed", "id": "a13800000013"}') == []
    assert complaints("DETAIL: Key (phone)=(13800000012) already exists.") == ["I9"]
    assert complaints('{"error": "3 号连衣裙多少钱呀"}') == ["I9"]
    assert complaints(json.dumps({"error": "3 号连衣裙多少钱呀"})) == ["I9"], "escaped"
    assert complaints("GET /?token=s3cret") == ["I9"]


def test_a_door_fails_at_once_or_while_it_stores_for_others() -> None:
    quick, slow = ("200", 0.1), ("200", 0.9)
    assert failures([quick, quick]) == 0
    assert failures([quick, ("503", 0.01)]) == 1, "it does not even try"
    assert failures([quick, ("503", 1.3)]) == 1, "it stores for others, and quickly"
    assert failures([slow, ("503", 1.3)]) == 0, "the machine is overrun"
    assert failures([slow, ("503", 0.01)]) == 1
    assert failures([("503", 1.3)]) == 1, "it stores nothing"


def test_what_was_accepted_may_be_in_doubt_only_where_no_echo_can_tell() -> None:
    def complaints(*echoed: str, taken: dict[str, str] | None = None) -> list[str]:
        return list(checks.doubted_for_a_reason(["@b"], set(echoed), taken or {}))

    assert complaints("@a") == [], "the echo of @b was withheld"
    assert complaints("@b", taken={"@b": "@a"}) == [], "it may be of @a, whose own was withheld"
    assert complaints("@b"), "it came and nothing has it"
    assert complaints("@a", "@b"), "both came"
    assert complaints("@a", "@b", taken={"@b": "@a"}), "both came, and one is at the wrong place"


def test_everybody_is_told_of_everything_that_is_theirs_under_one_id() -> None:
    def complaints(*came: Came) -> list[str]:
        return [c[:2] for c in told_right(Hearer(DEMO, "", came=list(came)), {"evt_1": "@m"})]

    def one(webhook_id: str = "evt_9", met: str = TAKES, account: str = "acc_demo") -> Came:
        return Came(webhook_id, {"data": {"account_id": account, "cause": "evt_1"}}, met)

    assert complaints(one(met=DIES), one(), one()) == [], "at least once"
    assert complaints() == ["I8"], "lost"
    assert complaints(one(met=DIES)) == ["I8"], "it never took it"
    assert complaints(one(), one("evt_10")) == ["I8"], "told as two"
    assert complaints(one(), Came("evt_9", None, TAKES)) == ["I8"], "not signed"
    assert complaints(one(), one(account="acc_other")) == ["I9"], "of somebody else"
