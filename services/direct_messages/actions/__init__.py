"""What can be done with conversations: answer, reply, hand over, keep rules, learn, look."""

from services.direct_messages.actions.answering import Heard, answer, suffix
from services.direct_messages.actions.bursts import release_bursts, seconds_to_next_burst
from services.direct_messages.actions.capturing import find_consent, put_consent
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.drafts import (
    Reviewed,
    discard_draft,
    list_rule_sets,
    publish_draft,
    put_draft,
    read_draft,
    read_rule_set,
    restore_rule_set,
)
from services.direct_messages.actions.errors import (
    DraftCrossed,
    NoReplyContext,
    NothingToPublish,
    NotRecallable,
    NotUnknown,
    QuotaExhausted,
    TooManyRules,
)
from services.direct_messages.actions.learning import learn_policies
from services.direct_messages.actions.looking import (
    Story,
    find_conversation,
    list_conversations,
    read_timeline,
    tell_decision,
)
from services.direct_messages.actions.recalling import (
    RefusedRecall,
    apply_recalls,
    ask_back,
    note_recalls,
    note_refusals,
)
from services.direct_messages.actions.replaying import ask_replay, find_replay, run_replays
from services.direct_messages.actions.replying import Reply, conversation_tag, reply, set_owner
from services.direct_messages.actions.reporting import Report, report_rules
from services.direct_messages.actions.rules import (
    add_rule,
    change_rule,
    delete_rule,
    find_rule,
    list_rules,
    seed_rules,
)
from services.direct_messages.actions.settling import (
    Answered,
    answer_overdue,
    note_answers,
    settle,
)
from services.direct_messages.actions.trying import Trial, try_rules
from services.direct_messages.store import Consent, Moment, Recalled, Replay, RuleSet

__all__ = [
    "Answered",
    "Consent",
    "Deps",
    "DraftCrossed",
    "Heard",
    "Moment",
    "NoReplyContext",
    "NotRecallable",
    "NotUnknown",
    "NothingToPublish",
    "QuotaExhausted",
    "Recalled",
    "RefusedRecall",
    "Replay",
    "Reply",
    "Report",
    "Reviewed",
    "RuleSet",
    "Story",
    "TooManyRules",
    "Trial",
    "add_rule",
    "answer",
    "answer_overdue",
    "apply_recalls",
    "ask_back",
    "ask_replay",
    "change_rule",
    "conversation_tag",
    "delete_rule",
    "discard_draft",
    "find_consent",
    "find_conversation",
    "find_replay",
    "find_rule",
    "learn_policies",
    "list_conversations",
    "list_rule_sets",
    "list_rules",
    "note_answers",
    "note_recalls",
    "note_refusals",
    "publish_draft",
    "put_consent",
    "put_draft",
    "read_draft",
    "read_rule_set",
    "read_timeline",
    "release_bursts",
    "reply",
    "report_rules",
    "restore_rule_set",
    "run_replays",
    "seconds_to_next_burst",
    "seed_rules",
    "set_owner",
    "settle",
    "suffix",
    "tell_decision",
    "try_rules",
]
