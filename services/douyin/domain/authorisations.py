"""How an owner authorises, what the platform reports of it, and when the owner must be asked again."""

import base64
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.errors import AppError, Conflict

LINK_LIVES: Final = timedelta(minutes=30)
RENEW_AHEAD: Final = timedelta(days=3)
RENEWALS: Final = 5  # until the account's policy says otherwise

# What the owner is asked for unless the caller names scopes. (`im.*` never shows among the granted.)
SCOPES: Final = (
    "user_info",
    "im.direct_message",
    "im.recall_message",
    "im.message_card",
    "user.intention",
    "fans.list",
)


class Report(StrEnum):
    """What the platform tells of an owner: its names for these events."""

    AUTHORISED = "authorize"
    WITHDREW = "unauthorize"
    CONTRACT_AUTHORISED = "contract_authorize"
    CONTRACT_WITHDREW = "contract_unauthorize"


class Revoked(StrEnum):
    """Why an account may not send until its owner says so."""

    WITHDRAWN = "withdrawn"  # the tokens died with it
    CONTRACT_WITHDRAWN = "contract_withdrawn"  # direct messages alone; the tokens live on
    REFUSED_BY_PLATFORM = (
        "refused_by_platform"  # a call was answered: the user has not authorised it
    )


RESTORED_BY_CONTRACT: Final = (Revoked.CONTRACT_WITHDRAWN, Revoked.REFUSED_BY_PLATFORM)


_DIRECT_MESSAGES: Final = "im.direct_message"


def withdrawal(report: Report, held: Collection[str], named: Collection[str]) -> Revoked | None:
    """Why the account must stop when its owner withdrew what is named; None when it may go on.

    Nothing named means everything. Scopes of direct messages are never among those that we hold.
    """
    if report is Report.CONTRACT_WITHDREW:
        concerns = not named or any(scope.startswith(_DIRECT_MESSAGES) for scope in named)
        return Revoked.CONTRACT_WITHDRAWN if concerns else None
    if report is Report.WITHDREW:
        is_left = bool(named) and not set(held) <= set(named)
        return None if is_left else Revoked.WITHDRAWN
    return None


class Need(StrEnum):
    """Why the owner must authorise again; a revocation is a reason, too."""

    RENEWALS_USED_UP = "renewals_used_up"
    RENEWAL_REFUSED = "renewal_refused"
    REFRESH_TOKEN_EXPIRED = "refresh_token_expired"
    REFRESH_REFUSED = "refresh_refused"  # for good as it stands, until a refresh works again
    NO_REFRESH_TOKEN = "no_refresh_token"
    TOKEN_REFUSED = "token_refused"


def lapse(*, had_refresh: bool, is_refused: bool) -> Need:
    """Why an account lapses whose access token nothing can replace."""
    if is_refused:
        return Need.TOKEN_REFUSED
    return Need.REFRESH_TOKEN_EXPIRED if had_refresh else Need.NO_REFRESH_TOKEN


def pause_after(failures: int) -> timedelta:
    """How long to leave the platform alone after so many refreshes that did not work."""
    return timedelta(seconds=min(20 * 2 ** min(failures, 8), 600))


@dataclass(frozen=True, slots=True)
class LinkState:
    """What travels through the owner's browser: which link it was, of which account."""

    organization_id: str
    account_id: str
    link_id: str
    expires_at: datetime


def write_state(key: bytes, state: LinkState) -> str:
    """The state as text, signed; it works once, since the link it names does."""
    seconds = str(int(state.expires_at.timestamp()))
    raw = f"{state.organization_id}\n{state.account_id}\n{state.link_id}\n{seconds}".encode()
    return base64.urlsafe_b64encode(_sign(key, raw) + raw).decode().rstrip("=")


def read_state(key: bytes, text: str) -> LinkState:
    """What `write_state` wrote. Raises LinkNotValid for anything else."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if not hmac.compare_digest(raw[:32], _sign(key, raw[32:])):
            raise LinkNotValid
        organization_id, account_id, link_id, seconds = raw[32:].decode().split("\n")
        return LinkState(
            organization_id, account_id, link_id, datetime.fromtimestamp(int(seconds), UTC)
        )
    except ValueError:
        raise LinkNotValid from None


def _sign(key: bytes, raw: bytes) -> bytes:
    return hmac.digest(key, raw, "sha256")


class LinkNotValid(AppError):
    """The link was not made here, has ended, or was followed before: which of them is not told."""

    code = "douyin.link_not_valid"
    status = 400
    title = "This authorisation link is not valid, has expired, or was used already"
    title_zh = "授权链接无效、已过期或已使用"
    meaning_zh = "授权链接不是本系统生成的、已过期或已经用过；具体是哪一种不会说明。"
    to_do = "Ask for a new link, and follow it once, soon."
    to_do_zh = "请重新获取授权链接，并尽快使用一次。"


class OwnerDeclined(AppError):
    """The owner came back without a code."""

    code = "douyin.owner_declined"
    status = 400
    title = "The authorisation was not granted"
    title_zh = "未同意授权"
    meaning_zh = "账号所有者返回时没有带来授权码。"
    to_do = "Make a new link, and let the owner agree on Douyin's page."
    to_do_zh = "请重新生成链接，并让账号所有者在抖音页面上同意授权。"


class CodeRefused(Conflict):
    """The platform gave no tokens for the code."""

    code = "douyin.code_refused"
    title = "Douyin did not accept the authorisation"
    title_zh = "抖音未接受本次授权"
    meaning_zh = "平台没有用该授权码换出令牌。"
    to_do = "Start anew with a fresh link; a code is good once and for minutes."
    to_do_zh = "请用新链接重新开始；授权码只能用一次，且几分钟内有效。"


class OtherDouyinAccount(Conflict):
    """Somebody authorised with another Douyin account than the one that is bound."""

    code = "douyin.other_douyin_account"
    title = "A different Douyin account was authorised"
    title_zh = "授权的抖音账号与已绑定账号不一致"
    meaning_zh = "授权用的抖音账号与已绑定的不是同一个。"
    to_do = "Authorise with the Douyin account that is bound, or bind the other one."
    to_do_zh = "请用已绑定的抖音账号授权，或改为绑定另一个账号。"
