"""Events in: what to send, what the platform reported, what quota asks."""

from functools import partial

from services.douyin.actions import accounts, authorisations, echoes, sending
from services.douyin.actions.recalls import Recaller
from services.douyin.actions.sending import SendDeps
from shared.queue import Handler


def handlers(deps: SendDeps, watch: authorisations.Deps, recaller: Recaller) -> dict[str, Handler]:
    """One action for each event type."""
    return {
        "direct_messages.send_requested": partial(sending.take_requests, deps),
        "direct_messages.recall_requested": recaller.take,
        "douyin.message_echoed": partial(echoes.bind_echoes, deps),
        "quota.reservation_overdue": partial(sending.answer_overdue, deps),
        "douyin.authorisation_reported": partial(authorisations.hear_reports, watch),
        "douyin.account_revoked": partial(authorisations.fail_waiting, watch),
        "open_platform.policy_changed": partial(accounts.learn, deps.database),
    }
