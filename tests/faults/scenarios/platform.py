"""The platform is slow, talks nonsense, keeps silent after it has accepted, or refuses."""

import asyncio
from datetime import timedelta

from tests.e2e.wire import DEMO
from tests.faults.hooks import listening, told_right
from tests.faults.stage import Stage
from tests.faults.tenants import OTHER, OTHERS_ACCOUNT, REPLIES, authorise_again

_RESOLVED_WITHIN = 30.0
_UNHEARD_OF = "http://" + ".".join(["no" * 30] * 6) + ":8100"  # longer than a name may be
_UNREACHABLE = "SELECT count(*) FROM douyin.attempt WHERE reason = 'unreachable' OR tries > 1"
_NOW = "SELECT siyu.business_now() AS now"
# older ones may have left before: whoever was stopped while it waited for an answer leaves a doubt
_DOUBTED_SINCE = "SELECT count(*) FROM douyin.attempt WHERE state = 'unknown' AND written_at > $1"
_LATE_MS = 8_000
_ROOM = (
    "SELECT count(*) AS room FROM quota.bucket WHERE limit_key = 'dm.reply' AND subject = $1"
    " AND window_id = $2 AND used + held < cap AND closed IS NULL"
)
_STOPS_SECONDS = 15.0  # a process believes what it knows for five, and a call takes eight at most
_STOPPED = "SELECT count(*) FROM douyin.attempt WHERE account_id = $1 AND reason = 'not_authorised'"
_HELD = """
SELECT count(*) FROM quota.reservation r WHERE r.account_id = $1 AND r.open_items > 0 AND EXISTS (
  SELECT 1 FROM douyin.attempt a WHERE a.operation_id = r.operation_id AND a.reason = 'not_authorised')
AND NOT EXISTS (
  SELECT 1 FROM douyin.attempt a WHERE a.operation_id = r.operation_id AND a.state = 'unknown')
"""
THROTTLED, CAP_REACHED = 28003018, 28003070


async def slow(stage: Stage) -> None:
    """F17. One tenant's calls are slow, some for ever; the other tenant is served as always."""
    match = {"open_id": DEMO.open_id}
    await stage.order("slow", 0.3, delay_ms=2_000, match=match)
    await stage.order("slow", 0.02, delay_ms=12_000, match=match)
    await stage.sleep(6)
    await stage.recovered("the platform was slow to somebody else", 10, OTHER)
    await stage.sleep(3)
    stage.lab.end_failures()


async def nonsense(stage: Stage) -> None:
    """F18."""
    kinds = ("http_error", "html_body", "empty_body", "truncated_json", "wrong_envelope")
    for kind in kinds:
        await stage.order(kind, 0.06)
    await stage.sleep(7)
    stage.lab.end_failures()


async def silent_after_accepting(stage: Stage) -> None:
    """F19. The echo tells what the answer did not."""
    await stage.order("accepted_then_timeout", 0.08)
    await stage.order("accepted_then_reset", 0.08)
    await stage.sleep(6)
    stage.lab.end_failures()


async def echoes_lost(stage: Stage) -> None:
    """F20. Nothing will ever tell."""
    await stage.order("webhook_lost_echo", 1.0)
    await stage.order("accepted_then_reset", 0.1)
    await stage.sleep(5)
    stage.lab.end_failures()


async def echoes_confused(stage: Stage) -> None:
    """F21. Twice, late, before the answer; and the same words typed by a person of the shop."""
    await stage.order("webhook_duplicate", 0.3)
    await stage.order("webhook_delay", 0.2, delay_ms=4_000)
    await stage.order("slow", 0.2, delay_ms=400)
    await stage.order("accepted_then_reset", 0.05)
    await stage.recovered("echoes went wrong", _RESOLVED_WITHIN)
    await stage.sleep(6)
    stage.lab.end_failures()
    await _typed_by_hand(stage)
    await _a_day_late(stage)


async def _typed_by_hand(stage: Stage) -> None:
    """What a person of the shop types word for word is no echo of a send that never arrived."""
    fan = stage.fans.next_prober
    await stage.order("reset", 1.0, match={"to_user_id": fan})
    message_id = await stage.fans.probe()
    if (before := await stage.attempt_on(message_id)) != "unknown":
        stage.complain(f"F21 a send that was reset is {before or 'under way'}")
    words = REPLIES[DEMO.open_id][stage.fans.poster.history.said[message_id].rule]
    typed = {"from": DEMO.open_id, "to": fan, "text": words, "wait": True}
    await asyncio.to_thread(stage.lab.control, "messages", typed)
    stage.note("typed by hand")
    await asyncio.sleep(3)
    if (after := await stage.attempt_on(message_id)) != before:
        stage.complain(f"F21 what was typed by hand made a send {after}")


async def _a_day_late(stage: Stage) -> None:
    """An echo that comes a day later still tells."""
    await stage.guests.leave()  # a day later their flows are over, and agents fell silent
    fan = stage.fans.next_prober
    await stage.order("accepted_then_reset", 1.0, match={"to_user_id": fan})
    late = {"to_user_id": fan, "event": "im_send_msg"}
    await stage.order("webhook_delay", 1.0, delay_ms=_LATE_MS, match=late)
    message_id = await stage.fans.probe()
    await stage.attempt_on(message_id)
    await stage.advance(timedelta(days=1))
    await asyncio.sleep(_LATE_MS / 1000 + 3)
    if (after := await stage.attempt_on(message_id)) != "sent":
        stage.complain(f"F21 an echo a day late left a send {after}")
    stage.note("echo a day late")
    stage.guests.is_paused = False
    stage.lab.end_failures()


async def refusing(stage: Stage) -> None:
    """F22. Too many calls, a window that it calls used up, and tokens that end in mid-flight."""
    await stage.order("business_error", 0.05, code=THROTTLED)
    await stage.order("business_error", 0.03, code=CAP_REACHED)
    for shop in (DEMO, OTHER):
        await asyncio.to_thread(stage.lab.control, "tokens/end", {"open_id": shop.open_id})
        stage.note("token ended")
        await stage.sleep(3)
    stage.lab.end_failures()
    for shop in (DEMO, OTHER):
        await stage.recovered("tokens had ended", _RESOLVED_WITHIN, shop)
    await _closed_by_platform(stage)
    await _withdrawn(stage)


async def _closed_by_platform(stage: Stage) -> None:
    """The platform calls a window used up in which we see room: people get no more out of it either."""
    fan = stage.fans.next_prober
    await stage.order("business_error", 1.0, code=CAP_REACHED, match={"to_user_id": fan})
    message_id = await stage.fans.probe()
    if (state := await stage.attempt_on(message_id)) != "failed":
        stage.complain(f"F22 what the platform refused is {state}")
    stage.lab.end_failures()
    deadline = stage.lab.pace.deadline(_RESOLVED_WITHIN)
    while (await asyncio.to_thread(stage.lab.rows, _ROOM, fan, message_id))[0]["room"]:
        if deadline.is_over:
            stage.complain(f"F22 the window of {message_id} is still open")
            return
        await asyncio.sleep(0.5)
    stage.note("window closed by the platform")


async def _withdrawn(stage: Stage) -> None:
    """An owner withdraws while sends are under way: nothing leaves, holds are given back, it is said once."""
    lab, slow = stage.lab, {"open_id": OTHER.open_id}
    async with listening(lab, "account.authorisation_needed") as hearers:
        await stage.order("slow", 0.5, delay_ms=800, match=slow)
        await stage.sleep(2)
        stage.fans.poster.history.withdrawn.add(OTHER.open_id)
        await asyncio.to_thread(lab.control, "authorisations/withdraw", {"open_id": OTHER.open_id})
        await asyncio.sleep(_STOPS_SECONDS)
        accepted = await _accepted_of_other(stage)
        message_id = await stage.fans.probe(OTHER)
        if (state := await stage.attempt_on(message_id)) != "failed":
            stage.complain(f"F22 after its owner withdrew, a send is {state or 'under way'}")
        if more := await _accepted_of_other(stage) - accepted:
            stage.complain(f"F22 {more} messages left after their owner withdrew")
        rows = await asyncio.to_thread(lab.rows, _STOPPED, OTHERS_ACCOUNT)
        stage.note("stopped by the owner", rows[0]["count"])
        lab.end_failures()
        await authorise_again(lab)
        await stage.recovered("its owner agreed again", _RESOLVED_WITHIN, OTHER)
        await _given_back(stage)
        for complaint in [c for h in hearers.values() for c in told_right(h, {})]:
            stage.complain(complaint)
        said = {one.webhook_id for one in hearers[OTHER.open_id].came}
        if len(said) != 1 or hearers[DEMO.open_id].came:
            stage.complain(f"F22 that the owner withdrew was said {len(said)} times")


async def _accepted_of_other(stage: Stage) -> int:
    sent = await asyncio.to_thread(stage.lab.sent)
    return sum(one["open_id"] == OTHER.open_id for one in sent)


async def _given_back(stage: Stage) -> None:
    """What was not sent since nobody may holds no quota."""
    deadline = stage.lab.pace.deadline(_RESOLVED_WITHIN)
    while (await asyncio.to_thread(stage.lab.rows, _HELD, OTHERS_ACCOUNT))[0]["count"]:
        if deadline.is_over:
            stage.complain("F22 what an owner stopped still holds quota")
            return
        await asyncio.sleep(0.5)


async def name_unknown(stage: Stage) -> None:
    """F33. No byte leaves, so everything is tried again and nothing is in doubt."""
    workers = stage.lab.some("douyin-worker")
    for member in workers:
        await stage.lab.restart(member, SIYU_DOUYIN_API_URL=_UNHEARD_OF)
    await stage.lab.until_ready(60)
    since = (await asyncio.to_thread(stage.lab.rows, _NOW))[0]["now"]
    await stage.sleep(6)
    tried = await asyncio.to_thread(stage.lab.rows, _UNREACHABLE)
    stage.note("name not found", tried[0]["count"])
    doubted = await asyncio.to_thread(stage.lab.rows, _DOUBTED_SINCE, since)
    for member in workers:
        await stage.lab.restart(member)
    if doubted[0]["count"]:
        stage.complain("F33 what never left is in doubt")
    await stage.lab.until_ready(60)
