"""A platform that answers nonsense: one class for each kind of it, nothing lost, nothing sent twice."""

import asyncio
from typing import Any

import pytest

from tests.service.douyin.wired import QUESTIONS, End, Wired, wired

__all__ = ["wired"]  # the fixture

# what the simulator does to an answer → how it is read
NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "html": ({"kind": "html_body"}, "unreadable_answer"),
    "an error page": ({"kind": "http_error", "status": 502}, "http_502"),
    "a redirect": ({"kind": "http_error", "status": 302}, "http_302"),
    "cut off": ({"kind": "truncated_json"}, "unreadable_answer"),
    "ten megabytes": ({"kind": "huge_body"}, "answer_too_large"),
    "an empty body": ({"kind": "empty_body"}, "unreadable_answer"),
    "other types": ({"kind": "wrong_types"}, "no_code"),
}
HUNG_UP = {
    "taken and hung up": ({"kind": "accepted_then_reset"}, "no_answer"),
    "hung up": ({"kind": "reset"}, "no_answer"),
}
# odd, and yet an answer
ODD = {
    "mislabelled": {"kind": "wrong_content_type"},
    "another envelope": {"kind": "wrong_envelope"},
}


def all_ways() -> dict[str, tuple[dict[str, Any], str, bool]]:
    """name → (order, how it is read, whether the platform has acted)."""
    found = {
        f"{name}, {'taken' if taken else 'not taken'}": ({**order, "accepted": taken}, why, taken)
        for name, (order, why) in NONSENSE.items()
        for taken in (True, False)
    }
    for name, (order, why) in HUNG_UP.items():
        found[name] = (order, why, name != "hung up")
    return found


async def test_what_cannot_be_read_is_unknown_sent_once_and_settled_by_its_echo(
    wired: Wired,
) -> None:
    ways = all_ways()
    for name, (order, _, _) in ways.items():
        match = {"conversation_id": f"@c{name}=="}
        await wired.fails("/im/send/msg/", match=match, **order)
    for name, order in ODD.items():
        match = {"conversation_id": f"@c{name}=="}
        await wired.fails("/im/send/msg/", match=match, **order)

    everybody = [*ways, *ODD]
    await wired.simulator.fails("webhook_lost_echo", count=len(everybody))

    await wired.answers(*everybody)

    expected: dict[str, End] = {name: ("unknown", why) for name, (_, why, _) in ways.items()}
    assert await wired.outcomes() == expected | dict.fromkeys(ODD, ("sent", None))
    await asyncio.sleep(0.6)  # longer than the first pause before another try
    stats = await wired.simulator.stats()
    struck = sum(n for kind, n in stats["injected_by_kind"].items() if "webhook" not in kind)
    assert struck == len(everybody), "each was sent once"
    taken = {name for name, (_, _, is_taken) in ways.items() if is_taken} | set(ODD)
    assert sorted(await wired.sent()) == sorted(taken)

    for one in await wired.simulator.sent():
        text, conversation = one["content"]["text"]["text"], one["conversation_id"]
        await wired.connector.echo(one["msg_id"], text, conversation_id=conversation)
    settled = await wired.outcomes()
    assert {name for name, (state, _) in settled.items() if state == "sent"} == taken
    assert sorted(await wired.sent()) == sorted(taken), "and nothing was sent again"


CLEAR = {"douyin.busy", "asked", "later", "seen"}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_what_cannot_be_read_is_one_clear_refusal_and_may_be_asked_again(
    wired: Wired, name: str
) -> None:
    question = QUESTIONS[name]
    refused: dict[str, End] = {}
    for way, (order, why, is_taken) in all_ways().items():
        if not is_taken and way != "hung up":
            continue  # who asks cannot tell, and need not
        await question.prepare(wired)
        await wired.fails(question.path, **order)
        refused[way] = await question.ask(wired)
        state = refused[way][0]
        assert state in ({"outcome_unknown"} if name == "save a card" else CLEAR), way
        if state != "later":
            assert refused[way][1] == why, way
        await question.prepare(wired)
        assert await question.ask(wired) == ("done", None), f"nothing was lost by {way}"
    assert await wired.struck() == len(refused), "each was asked once"
    for order in ODD.values():
        await question.prepare(wired)
        await wired.fails(question.path, **order)
        assert await question.ask(wired) == ("done", None)


async def test_a_card_that_was_made_while_the_answer_was_lost_is_found_in_the_list(
    wired: Wired,
) -> None:
    path = QUESTIONS["save a card"].path
    await wired.fails(path, "truncated_json")
    card = {"title": "lost", "image_id": "@image001==", "components": ["name"]}
    assert await wired.ask("POST", "cards", card) == ("outcome_unknown", "unreadable_answer")
    assert await wired.world.sql("SELECT 1 FROM douyin.lead_card") == []
    listed = (await wired.call("GET", "cards")).json()["data"]
    assert [one["title"] for one in listed if one["title"] == "lost"] == ["lost"]
