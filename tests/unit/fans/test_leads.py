"""Which way a lead may move, and which touches are one lead."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.fans.domain.leads import (
    Lead,
    Stage,
    StageRefused,
    assigned,
    elsewhere,
    is_same,
    merged,
    moved,
    touched,
)
from shared.errors import Invalid

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(hours=1)
LEAD = Lead(
    organization_id="org_1",
    id="lead_1",
    account_id="acc_1",
    open_id="fan",
    phone_key=b"1",
    contact="",
    masked_phone=None,
    city=None,
    stage=Stage.NEW,
    reached=Stage.NEW,
    reason=None,
    assignee=None,
    source="text",
    consent_version=None,
    touches=1,
    reopens=None,
    captured_at=START,
    touched_at=START,
    moved_at=START,
    version=1,
)
ROW = tuple(Stage)[:7]


def at(stage: Stage) -> Lead:
    return replace(LEAD, stage=stage, reached=stage if stage in ROW else Stage.NEW)


@pytest.mark.parametrize(("here", "there"), list(itertools.combinations(ROW, 2)))
def test_a_lead_moves_forward_and_never_back(here: Stage, there: Stage) -> None:
    if not here.is_end:
        assert moved(at(here), there, None, LATER).stage is there
    with pytest.raises(StageRefused):
        moved(at(there), here, None, LATER)


@pytest.mark.parametrize("end", [Stage.WON, Stage.LOST, Stage.INVALID])
def test_an_ended_lead_does_not_move(end: Stage) -> None:
    ended = replace(at(end), reason=None if end is Stage.WON else "空号")
    with pytest.raises(StageRefused):
        moved(ended, Stage.NURTURE, None, LATER)
    with pytest.raises(StageRefused):
        assigned(ended, "小李", LATER)


@pytest.mark.parametrize("end", [Stage.LOST, Stage.INVALID])
def test_a_lead_that_comes_to_nothing_needs_a_reason_and_others_take_none(end: Stage) -> None:
    with pytest.raises(Invalid):
        moved(LEAD, end, None, LATER)
    with pytest.raises(Invalid):
        moved(LEAD, Stage.CONTACTED, "因为", LATER)
    assert moved(LEAD, end, "空号", LATER).reason == "空号"


def test_nurture_goes_on_from_where_the_lead_was() -> None:
    warm = moved(at(Stage.CONFIRMED), Stage.NURTURE, None, LATER)
    assert moved(warm, Stage.CONFIRMED, None, LATER).stage is Stage.CONFIRMED
    assert moved(warm, Stage.ARRIVED, None, LATER).stage is Stage.ARRIVED
    with pytest.raises(StageRefused):
        moved(warm, Stage.CONTACTED, None, LATER)


def test_the_same_move_twice_changes_nothing() -> None:
    once = moved(LEAD, Stage.LOST, "太贵", LATER)
    assert moved(once, Stage.LOST, "太贵", LATER) is once
    owned = assigned(LEAD, "小李", LATER)
    assert assigned(owned, "小李", LATER) is owned


def test_the_first_assignee_makes_a_new_lead_an_assigned_one() -> None:
    owned = assigned(LEAD, "小李", LATER)
    assert (owned.stage, owned.moved_at) == (Stage.ASSIGNED, LATER)
    assert assigned(owned, None, LATER).stage is Stage.ASSIGNED
    further = replace(LEAD, stage=Stage.CONFIRMED, reached=Stage.CONFIRMED)
    assert assigned(further, "小李", LATER).stage is Stage.CONFIRMED


@pytest.mark.parametrize(
    ("theirs", "days", "same"),
    [(b"1", 90, True), (b"1", 91, False), (b"2", 1, False), (None, 1, True)],
)
def test_the_number_decides_within_the_days(theirs: bytes | None, days: int, *, same: bool) -> None:
    when = START + timedelta(days=days)
    assert is_same(LEAD, phone_key=theirs, at=when, within=timedelta(days=90)) is same


def test_a_touch_counts_and_brings_the_number_that_was_missing() -> None:
    after = touched(replace(LEAD, phone_key=None), phone_key=b"9", at=LATER)
    assert (after.touches, after.phone_key, after.touched_at, after.version) == (2, b"9", LATER, 2)
    assert touched(after, phone_key=b"7", at=START).touched_at == LATER  # told late


def test_what_is_told_last_counts_and_what_is_told_once_stays() -> None:
    one = {"name": "张三", "phone": None, "more": [["预算", "20万"]]}
    two = {"name": None, "phone": "+8613800138000", "more": [["预算", "30万"], ["车型", "SUV"]]}
    assert merged(one, two) == {
        "name": "张三",
        "phone": "+8613800138000",
        "more": [["预算", "30万"], ["车型", "SUV"]],
    }


def test_every_stage_has_its_words_elsewhere() -> None:
    assert elsewhere(Stage.WON)["enterprise_leads_level"] == 10
    assert all(elsewhere(stage) for stage in Stage)
