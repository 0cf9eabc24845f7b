"""The numbers of the platform that this service needs, read from the account's policy by key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.direct_messages.domain.calendar import Calendar, calendar_of
from services.direct_messages.domain.texts import Form, reading


@dataclass(frozen=True, slots=True)
class PeoplePolicy:
    """How conversations come to people, and what they promise."""

    accept_within: timedelta  # after which an offer goes to the next agent
    capacity: int  # conversations that an agent has at once
    sticky: timedelta  # how long a fan is remembered by who answered
    close_after: timedelta  # of a fan's silence
    misses: int  # so many texts in a row that no rule knew call a person; 0: never
    queue_notice: str | None  # what a fan hears when all are busy
    respond_within: timedelta
    warn_after: timedelta
    owner_after: timedelta
    pool_after: timedelta
    target_rate: float
    human_escalates: bool  # whether a person's lateness escalates, though the bot was in time
    vip_tags: frozenset[str]  # whose messages call a person, and with which tiers
    vip_tiers: frozenset[str]
    lead_card: bool  # whether a filled-in lead card does
    from_menu: bool  # whether entries that hand over do so as such, and not as any rule
    negative_words: tuple[str, ...]  # that call a person before any rule, as readings have them


@dataclass(frozen=True, slots=True)
class MenuRoom:
    """How many entries each level of a menu may have, and how long their labels may be."""

    entries: tuple[int, int]
    chars: tuple[int, int]

    @property
    def levels(self) -> int:
        """How deep a menu may be."""
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of an account's policy, as far as conversations care."""

    version: int
    reply_context: timedelta  # how long an inbound message may be answered
    enter_context: timedelta  # how long a page entry may be answered
    default_interval: timedelta
    greeting_interval: timedelta
    follow_interval: timedelta
    agent_idle: timedelta  # after which a silent person gives the conversation back
    loop_window: timedelta
    loop_sends: int
    loop_inbound: int
    items_per_firing: int
    rules_max: int
    keywords_max: int
    keyword_chars: int
    replies_max: int
    auto_text_chars: int
    text_chars: int
    external_links: bool  # whether texts may hold links that lead away
    question_title_chars: int
    questions_max: int
    question_chars: int
    menu: MenuRoom
    calendar: Calendar
    join: (
        timedelta  # how long a fan's words are waited for, to be decided together; none: not at all
    )
    tags_max: int  # of one conversation
    allowed_hosts: tuple[str, ...]  # to which links may lead although they lead away
    only_known_cards: bool  # whether rules may send no card that nobody saw yet
    absolute_words: tuple[str, ...]  # claims that the advertising law forbids without a reason
    lead_attribution: timedelta  # how long an entry counts as what brought a lead
    people: PeoplePolicy


def policy_of(version: int, values: Mapping[str, Any]) -> Policy:
    """The policy that `values` spell. Raises KeyError when a key is missing."""
    guard = values["dm.loop_guard"]
    return Policy(
        version=version,
        reply_context=timedelta(hours=values["dm.reply.msg_id_valid_hours"]),
        enter_context=timedelta(seconds=values["dm.enter.window_seconds"]),
        default_interval=timedelta(hours=values["dm.auto_reply.default_interval_hours"]),
        greeting_interval=timedelta(hours=values["dm.auto_reply.greeting_interval_hours"]),
        follow_interval=timedelta(days=values["dm.auto_reply.follow_reply_days"]),
        agent_idle=timedelta(minutes=values["dm.handoff.agent_idle_minutes"]),
        loop_window=timedelta(seconds=guard["seconds"]),
        loop_sends=guard["sends"],
        loop_inbound=guard["inbound"],
        items_per_firing=values["dm.auto_reply.items_per_firing"],
        rules_max=values["dm.rules.max_per_account"],
        keywords_max=values["dm.auto_reply.keywords_per_rule"],
        keyword_chars=values["dm.auto_reply.keyword_max_chars"],
        replies_max=values["dm.auto_reply.replies_per_rule"],
        auto_text_chars=values["dm.auto_reply.text_max_chars"],
        text_chars=values["dm.text.max_chars"],
        external_links=values["dm.text.external_links"],
        question_title_chars=values["dm.question_card.title_max_chars"],
        questions_max=values["dm.question_card.questions_max"],
        question_chars=values["dm.question_card.question_max_chars"],
        menu=MenuRoom(
            (values["dm.menu.level1_max"], values["dm.menu.level2_max"]),
            (values["dm.menu.level1_label"], values["dm.menu.level2_label"]),
        ),
        calendar=calendar_of(values),
        tags_max=values["crm.max_tags_per_contact"],
        # a policy stored before there were these keys has none of them
        join=timedelta(seconds=values.get("dm.auto_reply.join_seconds", 0)),
        allowed_hosts=tuple(values.get("dm.text.allowed_hosts", ())),
        only_known_cards=values.get("dm.card.ownership") == "known",
        absolute_words=tuple(values.get("content.absolute_words", ())),
        lead_attribution=timedelta(days=values.get("lead.attribution_days", 7)),
        people=_people_of(values),
    )


def _people_of(values: Mapping[str, Any]) -> PeoplePolicy:
    return PeoplePolicy(
        accept_within=timedelta(seconds=values["dm.handoff.accept_seconds"]),
        capacity=values["dm.handoff.agent_capacity"],
        sticky=timedelta(days=values["dm.handoff.sticky_days"]),
        close_after=timedelta(hours=values["dm.handoff.close_hours"]),
        # versions from before these keys must decide as they did then
        misses=values.get("dm.handoff.misses", 0),
        queue_notice=values.get("dm.handoff.queue_notice"),
        human_escalates=values.get("sla.human_escalates", False),
        vip_tags=frozenset(values.get("dm.handoff.vip_tags", ())),
        vip_tiers=frozenset(values.get("dm.handoff.vip_tiers", ())),
        lead_card=values.get("dm.handoff.lead_card", False),
        from_menu=values.get("dm.handoff.from_menu", False),
        negative_words=_read(values.get("dm.handoff.negative_words", ())),
        respond_within=timedelta(seconds=values["sla.response_seconds"]),
        warn_after=timedelta(seconds=values["sla.warn_seconds"]),
        owner_after=timedelta(seconds=values["sla.owner_seconds"]),
        pool_after=timedelta(hours=values["sla.pool_hours"]),
        target_rate=values["sla.target_rate"],
    )


def _read(words: Iterable[str]) -> tuple[str, ...]:
    """As texts are compared with them; what would be in every text is none."""
    readings = (reading(word, Form.CHINESE).words for word in words)
    return tuple(dict.fromkeys(word for word in readings if word))
