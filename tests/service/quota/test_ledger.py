"""The ledger and the counters agree, whatever happens; holds are asked about, never dropped."""

import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from services.quota import actions
from services.quota.actions import Deps
from shared.db import ALL_TENANTS
from shared.errors import NeighbourAway

from .conftest import ACC, FAN, ORG, START, QuotaWorld, a_push, a_reply


def _deps(quota: QuotaWorld) -> Deps:
    return Deps(quota.world.resources.database("quota"))


def _some_replies(dice: random.Random, step: int) -> list[dict[str, Any]]:
    asked = []
    for n in range(60):
        fan, window = dice.randrange(15), dice.randrange(step // 10 + 1)
        name = f"{step}-{n}" if dice.random() < 0.9 else f"{step}-{dice.randrange(60)}"
        opened = {"opened_by": f"@w{window}", "opened_at": START + timedelta(seconds=window)}
        asked.append(a_reply(name, subject=f"fan{fan}", items=dice.randint(1, 3), **opened))
    return asked


def _some_settlements(dice: random.Random, held: list[str]) -> dict[str, Any]:
    tenant = {"organization_id": ORG, "account_id": ACC}
    items = ([0], [1, 2], [7], None)
    chosen = [held[dice.randrange(len(held))] for _ in range(20)]
    return {
        "requests": [tenant | {"reservation_id": r, "items": dice.choice(items)} for r in chosen]
    }


async def test_ten_thousand_random_operations_leave_ledger_and_counters_equal(
    quota: QuotaWorld,
) -> None:
    dice = random.Random(20240210)
    held: list[str] = []
    for step in range(100):  # 60 reservations, 20 commits, 20 releases each
        answers = await quota.ask(*_some_replies(dice, step))
        held += [a["granted"]["reservation_id"] for a in answers if a["granted"]]
        for verb in ("commit", "release"):
            answer = await quota.world.http.post(
                f"/internal/quota/{verb}",
                json=_some_settlements(dice, held),
                headers=quota.world.internal(),
            )
            assert answer.status_code == 200

    assert len(held) > 500
    assert await actions.DriftCheck(_deps(quota)).run() == 0
    over = await quota.world.sql("SELECT count(*) FROM quota.bucket WHERE used + held > 6")
    assert over[0][0] == 0
    open_items = await quota.world.sql(
        "SELECT count(*) FROM quota.reservation r WHERE r.open_items <>"
        " (SELECT count(*) FROM quota.ledger h WHERE h.reservation_id = r.id AND h.entry = 'held'"
        " AND NOT EXISTS (SELECT 1 FROM quota.ledger s WHERE s.reservation_id = h.reservation_id"
        " AND s.item = h.item AND s.entry <> 'held'))"
    )
    assert open_items[0][0] == 0


async def test_the_drift_check_sees_planted_differences_on_its_way_until_they_are_gone(
    quota: QuotaWorld,
) -> None:
    await quota.ask(*(a_reply(f"op{n}", subject=f"fan-{n}") for n in range(5)))
    wrong = "UPDATE quota.bucket SET held = held + $1 WHERE subject = ANY($2)"
    check = actions.DriftCheck(_deps(quota), stretch=2, stretches=1)
    assert [await check.run() for _ in range(3)] == [0, 0, 0]

    await quota.world.sql(wrong, 1, ["fan-1", "fan-4"])
    assert [await check.run() for _ in range(3)] == [1, 1, 2]
    await quota.world.sql(wrong, -1, ["fan-1", "fan-4"])
    assert [await check.run() for _ in range(4)] == [2, 2, 2, 0], (
        "known until a whole walk is clean"
    )


async def test_the_table_itself_refuses_more_than_the_cap(quota: QuotaWorld) -> None:
    await quota.reserve("op")

    with pytest.raises(asyncpg.CheckViolationError):
        await quota.world.sql("UPDATE quota.bucket SET held = 7")


async def test_an_overdue_hold_is_asked_about_and_kept(quota: QuotaWorld) -> None:
    await quota.reserve("op")
    await quota.world.sql("UPDATE quota.reservation SET lease_until = now() - interval '1 second'")

    assert await actions.report_overdue(_deps(quota)) == 1
    assert await actions.report_overdue(_deps(quota)) == 0

    assert await quota.world.outbox_types("quota") == ["quota.reservation_overdue"] * 2
    assert await quota.bucket() == (0, 1)


async def test_a_hold_of_an_old_window_lapses_without_touching_the_new_one(
    quota: QuotaWorld,
) -> None:
    await quota.reserve("old")
    await quota.reserve("new", opened_by="@msg002==", opened_at=START + timedelta(seconds=9))
    await quota.world.sql("UPDATE quota.reservation SET created_at = now() - interval '16 minutes'")

    assert await actions.lapse_old_windows(_deps(quota)) == 1

    assert await quota.bucket() == (0, 1)
    assert await actions.DriftCheck(_deps(quota)).run() == 0


async def test_an_account_without_a_policy_is_told_so_and_the_others_are_answered(
    quota: QuotaWorld,
) -> None:
    before, unknown, after = await quota.ask(
        a_reply("op1"), a_reply("op2", account_id="acc_unknown"), a_reply("op3")
    )

    assert unknown is None
    assert before["granted"]["reservation_id"] != after["granted"]["reservation_id"]
    held = await quota.world.sql("SELECT operation_id FROM quota.reservation ORDER BY 1")
    assert [row[0] for row in held] == ["op1", "op3"]


async def test_a_look_at_an_account_without_a_policy_shows_nothing(quota: QuotaWorld) -> None:
    common = {"organization_id": ORG, "purpose": "dm.reply", "subject": FAN, "actor": "bot"}
    looks = [{**common, "account_id": account} for account in ("acc_unknown", ACC)]
    answer = await quota.world.http.post(
        "/internal/quota/peek", json={"requests": looks}, headers=quota.world.internal()
    )

    unknown, known = answer.json()["answers"]
    assert (unknown, known["limits"][0]["limit"]) == (None, "dm.reply")


async def test_a_person_sees_what_is_left_and_when_there_is_more(quota: QuotaWorld) -> None:
    held = (await quota.reserve("op", items=2))["granted"]["reservation_id"]
    await quota.settle("commit", held, [0])

    answer = await quota.world.http.get(
        f"/v1/accounts/{ACC}/quotas", params={"fan": FAN}, headers=quota.world.caller(ORG)
    )

    limits = {limit["limit"]: limit for limit in answer.json()["limits"]}
    assert (
        limits["dm.reply"]["used"],
        limits["dm.reply"]["held"],
        limits["dm.reply"]["available"],
    ) == (1, 1, 4)
    assert limits["dm.reply"]["window_id"] == "@msg001=="
    assert limits["push.monthly"]["available"] == 8
    assert limits["push.monthly"]["window_end"] == "2024-02-29T16:00:00.000Z"


async def test_history_tells_every_entry_newest_first_in_pages(quota: QuotaWorld) -> None:
    for n in range(3):
        held = (await quota.reserve(f"op{n}"))["granted"]["reservation_id"]
        await quota.settle("commit", held)

    seen, cursor = [], None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        answer = await quota.world.http.get(
            f"/v1/accounts/{ACC}/quota-entries", params=params, headers=quota.world.caller(ORG)
        )
        seen += answer.json()["data"]
        if (cursor := answer.json()["next_cursor"]) is None:
            break

    assert sorted(e["entry"] for e in seen) == ["committed"] * 3 + ["held"] * 3
    assert [e["operation_id"] for e in seen] == [f"op{n}" for n in (2, 2, 1, 1, 0, 0)]


async def test_the_first_page_begins_at_the_end_however_ids_sort(quota: QuotaWorld) -> None:
    await quota.reserve("op")
    for table, column in (("ledger", "reservation_id"), ("reservation", "id")):
        await quota.world.sql(f"UPDATE quota.{table} SET {column} = '￥' || {column}")

    answer = await quota.world.http.get(
        f"/v1/accounts/{ACC}/quota-entries", headers=quota.world.caller(ORG)
    )
    assert [e["operation_id"] for e in answer.json()["data"]] == ["op"]


async def test_another_organization_sees_nothing(quota: QuotaWorld) -> None:
    await quota.reserve("op")

    for account, caller in ((ACC, "org_2"), ("acc_nobody", ORG)):
        for path in ("quotas", "quota-entries"):
            headers = quota.world.caller(caller)
            answer = await quota.world.http.get(f"/v1/accounts/{account}/{path}", headers=headers)
            assert (answer.status_code, answer.json()["detail"]) == (404, "no such account")


async def test_row_level_security_alone_hides_other_tenants(quota: QuotaWorld) -> None:
    await quota.reserve("op")
    database = quota.world.resources.database("quota")

    async with database.transaction("org_2") as tx:
        assert await tx.execute(sa.text("SELECT * FROM bucket")) == []
    async with database.transaction(ALL_TENANTS) as tx:
        assert len(await tx.execute(sa.text("SELECT * FROM bucket"))) == 1


async def test_a_push_reservation_is_committed_with_its_first_batch(quota: QuotaWorld) -> None:
    (answer,) = await quota.ask(a_push("push", START))

    assert await quota.settle("commit", answer["granted"]["reservation_id"]) == 1
    assert await quota.bucket("push.monthly") == (1, 0)


async def test_backends_that_are_killed_are_away_at_most_once(
    quota: QuotaWorld, postgres: object
) -> None:
    database = quota.world.resources.database("quota")
    await quota.world.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'siyu-quota'"
    )

    with suppress(NeighbourAway):  # unless the pool has seen it hang up, and makes a new one
        async with database.transaction(ALL_TENANTS):
            pass
    assert (await quota.reserve("op"))["granted"]


@pytest.mark.parametrize(
    "path",
    [
        "a%00b/quotas",
        f"{ACC}/quotas?fan=%00",
        "a%00b/quota-entries",
        f"{ACC}/quota-entries?subject=%00",
    ],
)
async def test_a_nul_is_wrong_input(quota: QuotaWorld, path: str) -> None:
    headers = quota.world.caller(ORG, frozenset({"quota:read"}))
    answer = await quota.world.http.get(f"/v1/accounts/{path}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
