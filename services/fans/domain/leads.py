"""The life of a lead: which touches belong together, which way it may move."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shared.errors import AppError, Invalid

UNTOUCHED: Final = timedelta(hours=24)  # then an assigned lead goes back to the pool


class Stage(StrEnum):
    """How far a lead has come. The first seven follow each other; the rest stand beside them."""

    NEW = "new"
    ASSIGNED = "assigned"
    CONTACTED = "contacted"
    CONFIRMED = "confirmed"
    HIGH_INTENT = "high_intent"
    ARRIVED = "arrived"
    WON = "won"
    NURTURE = "nurture"  # not now: to be warmed up, then it goes on from where it was
    LOST = "lost"
    INVALID = "invalid"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows: a new touch begins another lead."""
        return self in _ENDS


_ORDER: Final = tuple(Stage)[:7]
_ENDS: Final = frozenset({Stage.WON, Stage.LOST, Stage.INVALID})
_WITH_REASON: Final = frozenset({Stage.LOST, Stage.INVALID})

# what others call our stages: 企业号 leads_level, 飞鱼 clue_state, local-life stage. None: no word for it
_ELSEWHERE: Final[Mapping[Stage, tuple[int | None, int | None, int | None]]] = {
    Stage.NEW: (0, 1, 0),
    Stage.ASSIGNED: (0, 1, 0),
    Stage.CONTACTED: (1, 1, 7),
    Stage.CONFIRMED: (1, 2, 1),
    Stage.HIGH_INTENT: (2, 3, 1),
    Stage.ARRIVED: (2, 3, 204),
    Stage.WON: (10, None, 2),
    Stage.NURTURE: (0, None, None),
    Stage.LOST: (-1, None, None),
    Stage.INVALID: (-1, 4, 3),
}


class StageRefused(AppError):
    """A lead moves forward, into `nurture`, or to an end; an ended lead does not move."""

    code = "lead_stage_refused"
    status = 409
    title = "The lead cannot move there"
    title_zh = "线索不能进入该阶段"
    meaning_zh = "线索只能前进、进入培育（nurture）或结束；已结束的线索不再移动。"
    to_do = "Read the lead: `stage` says where it is. A new touch of an ended lead begins another."
    to_do_zh = "请先读取线索：`stage` 为当前阶段。已结束的线索再次留资会开始新的线索。"


@dataclass(frozen=True, slots=True)
class Attribution:
    """By what the fan came who left the contact: an ad, a video, the page, or only a message."""

    source: str
    entered_at: datetime | None
    item_id: str | None
    ad: Mapping[str, str] | None  # names of the platform → ids

    def ad_id(self, name: str) -> str | None:
        """The id that the ad has under this name."""
        return self.ad.get(name) if self.ad else None


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody who wants to be contacted. Personal fields are sealed; `phone_key` tells numbers apart.

    `reached` is the furthest stage of the row of seven that it has seen, so that nurture loses
    nothing. `version` grows with every change. `attribution` is of the contact that began it; None:
    nobody told.
    """

    organization_id: str
    id: str
    account_id: str
    open_id: str
    phone_key: bytes | None
    contact: str  # sealed
    masked_phone: str | None
    city: str | None
    stage: Stage
    reached: Stage
    reason: str | None
    assignee: str | None
    source: str
    consent_version: int | None
    touches: int
    reopens: str | None
    captured_at: datetime
    touched_at: datetime
    moved_at: datetime
    version: int
    attribution: Attribution | None = None


def is_same(lead: Lead, *, phone_key: bytes | None, at: datetime, within: timedelta) -> bool:
    """Whether a contact that was left at `at` is one more touch of this lead.

    The number decides; the fan does where one of the two has no number.
    """
    if at - lead.touched_at > within:
        return False
    return phone_key is None or lead.phone_key is None or phone_key == lead.phone_key


def touched(lead: Lead, *, phone_key: bytes | None, at: datetime) -> Lead:
    """The lead after one more touch."""
    return replace(
        lead,
        phone_key=lead.phone_key or phone_key,
        touches=lead.touches + 1,
        touched_at=max(lead.touched_at, at),
        version=lead.version + 1,
    )


def moved(lead: Lead, stage: Stage, reason: str | None, at: datetime) -> Lead:
    """The lead at `stage`; the same one if it is there already. Raises Invalid, StageRefused."""
    if (stage in _WITH_REASON) is (reason is None):
        wanted = "needs a reason" if reason is None else "takes no reason"
        raise Invalid(f"{stage} {wanted}", pointer="#/reason")
    if stage is lead.stage and reason == lead.reason:
        return lead
    if lead.stage.is_end or not (stage in _ENDS or _is_forward(lead, stage)):
        raise StageRefused(f"from {lead.stage} to {stage}")
    reached = stage if stage in _ORDER else lead.reached
    return replace(
        lead, stage=stage, reached=reached, reason=reason, moved_at=at, version=lead.version + 1
    )


def assigned(lead: Lead, assignee: str | None, at: datetime) -> Lead:
    """The lead with somebody who takes care of it, or nobody: back in the pool.

    Raises StageRefused for a lead that ended.
    """
    if assignee == lead.assignee:
        return lead
    if lead.stage.is_end:
        raise StageRefused(f"it ended as {lead.stage}")
    is_first = lead.stage is Stage.NEW and assignee is not None
    stage = Stage.ASSIGNED if is_first else lead.stage
    reached = Stage.ASSIGNED if is_first else lead.reached
    return replace(
        lead,
        assignee=assignee,
        stage=stage,
        reached=reached,
        moved_at=at,
        version=lead.version + 1,
    )


def elsewhere(stage: Stage) -> dict[str, int | None]:
    """What other systems of the platform call this stage."""
    level, feiyu, local = _ELSEWHERE[stage]
    return {"enterprise_leads_level": level, "feiyu_clue_state": feiyu, "local_life_stage": local}


def merged(before: Mapping[str, Any], left: Mapping[str, Any]) -> dict[str, Any]:
    """One contact of two: what is told last counts, what is told once stays."""
    more = dict([*before.get("more", ()), *left.get("more", ())])
    told = {name: value for name, value in left.items() if value is not None}
    return {**before, **told, "more": [list(pair) for pair in more.items()]}


def _is_forward(lead: Lead, stage: Stage) -> bool:
    if stage is Stage.NURTURE:
        return True
    here = _ORDER.index(lead.reached)
    there = _ORDER.index(stage)
    return there >= here if lead.stage is Stage.NURTURE else there > here
