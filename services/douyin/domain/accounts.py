"""Accounts and apps: how usable a binding is, and what the configuration refuses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.errors import Conflict, Invalid

EXPIRING: Final = timedelta(hours=72)
REFRESH_AHEAD: Final = timedelta(hours=24)


class AccountState(StrEnum):
    """Whether messages of the account can be sent."""

    PENDING = "pending"  # bound, but no token yet
    ACTIVE = "active"
    EXPIRING = "expiring"  # the owner should authorise again soon
    EXPIRED = "expired"
    REVOKED = "revoked"


USABLE: Final = frozenset({AccountState.ACTIVE, AccountState.EXPIRING})


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What is known of a binding's tokens; an expiry of None is one that nobody told us."""

    has_access: bool
    access_expires_at: datetime | None
    has_refresh: bool
    refresh_expires_at: datetime | None
    is_refused: bool  # the platform refused the access token
    is_revoked: bool


def account_state(known: Authorisation, now: datetime) -> AccountState:
    """How the binding stands at `now`. It lives as long as its longest-lived token."""
    if known.is_revoked:
        return AccountState.REVOKED
    if not known.has_access:
        return AccountState.PENDING
    if known.is_refused and not known.has_refresh:
        return AccountState.EXPIRED
    ends = [known.access_expires_at]
    if known.has_refresh:
        ends.append(known.refresh_expires_at)
    times = [end for end in ends if end is not None]
    if len(times) < len(ends):
        return AccountState.ACTIVE
    left = max(times) - now
    if left <= timedelta(0):
        return AccountState.EXPIRED
    return AccountState.EXPIRING if left <= EXPIRING else AccountState.ACTIVE


class BusinessState(StrEnum):
    """How an account's business token stands."""

    PENDING = "pending"  # wanted, and about to be issued
    ACTIVE = "active"
    EXPIRED = "expired"
    REFUSED = "refused"  # the platform gives none


def business_state(
    expires_at: datetime | None, now: datetime, *, has_token: bool, is_refused: bool
) -> BusinessState:
    """How a business token stands at `now`."""
    if is_refused:
        return BusinessState.REFUSED
    if not has_token:
        return BusinessState.PENDING
    is_over = expires_at is not None and expires_at <= now
    return BusinessState.EXPIRED if is_over else BusinessState.ACTIVE


class ClientKeyTaken(Conflict):
    """Another organisation has configured this Douyin app."""

    code = "douyin.client_key_taken"
    title = "This Douyin app belongs to another organization"
    title_zh = "该抖音应用已属于其他组织"
    meaning_zh = "该抖音应用已由其他组织配置。"
    to_do = "Configure an app of your own, or ask the operator to free this one."
    to_do_zh = "请配置您自己的抖音应用，或联系运维释放。"


class OpenIdTaken(Conflict):
    """Another account is bound to this open_id under this Douyin app."""

    code = "douyin.open_id_taken"
    title = "This Douyin account is bound already"
    title_zh = "该抖音账号已被绑定"
    meaning_zh = "该抖音账号已绑定到另一个企业号。"
    to_do = "Bind another Douyin account, or end the other binding first."
    to_do_zh = "请绑定其他抖音账号，或先解除原有绑定。"


class UnknownApp(Invalid):
    """The binding names a Douyin app that the organisation has not configured."""

    code = "douyin.unknown_app"
    title = "The Douyin app is not configured"
    title_zh = "抖音应用未配置"
    meaning_zh = "该组织没有配置这个抖音应用。"
    to_do = "Configure the app first: `PUT /v1/douyin-apps/{client_key}`."
    to_do_zh = "请先配置应用：`PUT /v1/douyin-apps/{client_key}`。"


class DemoSecret(Invalid):
    """The secret of the published examples protects nothing."""

    code = "douyin.demo_secret"
    title = "The demo secret is allowed in embedded mode only"
    title_zh = "演示密钥仅允许在内嵌模式使用"
    meaning_zh = "这个密钥随测试向量公开，只能在一体模式中使用。"
    to_do = "Use the secret of your own Douyin app."
    to_do_zh = "请使用您自己的抖音应用密钥。"
