"""The policy of an account: what holds, how it is overridden, and that everybody hears of it."""

from dataclasses import replace

from services.open_platform.actions.deps import Deps
from services.open_platform.domain.accounts import Account
from services.open_platform.domain.policy import Resolved, Value, resolve
from services.open_platform.domain.policy_keys import KINDS
from services.open_platform.store import accounts, policies
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.open_platform import PolicyChanged
from shared.db import ALL_TENANTS, Tx
from shared.errors import Invalid, NotFound
from shared.http.versions import UNCONDITIONAL, Precondition, etag

_STALE_AT_ONCE = 200

Policy = dict[str, Resolved]


async def get_policy(deps: Deps, organization_id: str, account_id: str) -> tuple[Account, Policy]:
    """What holds for the account now. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        account = await accounts.find_account(tx, organization_id, account_id)
        if account is None:
            raise NotFound("no such account")
        return account, await resolved_for(tx, account)


async def override(
    deps: Deps,
    organization_id: str,
    account_id: str,
    entry: tuple[str, Value],
    *,
    expected: Precondition = UNCONDITIONAL,
) -> tuple[Account, Policy]:
    """Let this value hold under this key. Raises Invalid, NotFound, PreconditionFailed."""
    key, value = entry
    _check(key, value)
    async with deps.database.transaction(organization_id) as tx:
        account = await _locked(tx, organization_id, account_id, expected)
        if await policies.put_override(tx, organization_id, account_id, key, value):
            account = await _changed(tx, account)
        return account, await resolved_for(tx, account)


async def take_back(
    deps: Deps,
    organization_id: str,
    account_id: str,
    key: str,
    *,
    expected: Precondition = UNCONDITIONAL,
) -> None:
    """Let the organization's or the profile's value hold again; nothing happens if it did."""
    _check_key(key)
    async with deps.database.transaction(organization_id) as tx:
        account = await _locked(tx, organization_id, account_id, expected)
        if await policies.drop_override(tx, organization_id, account_id, key):
            await _changed(tx, account)


async def override_for_all(deps: Deps, organization_id: str, key: str, value: Value) -> None:
    """Let `value` hold for every account of the organization that has no override of its own."""
    _check(key, value)
    async with deps.database.transaction(organization_id) as tx:
        mine = await accounts.lock_accounts(tx, organization_id)
        if await policies.put_override(tx, organization_id, None, key, value):
            for account in mine:
                await _changed(tx, account)


async def take_back_for_all(deps: Deps, organization_id: str, key: str) -> None:
    """Take the organization's override back; those of single accounts stay."""
    _check_key(key)
    async with deps.database.transaction(organization_id) as tx:
        mine = await accounts.lock_accounts(tx, organization_id)
        if await policies.drop_override(tx, organization_id, None, key):
            for account in mine:
                await _changed(tx, account)


async def follow_time(deps: Deps) -> int:
    """Publish the policies that changed because a row of a profile took effect; how many."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        stale = await accounts.find_stale(tx, tx.now, _STALE_AT_ONCE)
        for organization_id, account_id in stale:
            account = await accounts.lock_account(tx, organization_id, account_id)
            if account is not None:
                await _changed(tx, account)
    return len(stale)


async def resolved_for(tx: Tx, account: Account) -> Policy:
    """Every key with the value that holds for the account now."""
    rows = await policies.rows_of(tx, account.profile)
    overrides = await policies.overrides_of(tx, account.organization_id, account.id)
    return resolve(rows, overrides, tx.now)


async def publish(tx: Tx, account: Account) -> None:
    """Let the services know the account's policy as it is in this transaction."""
    policy = await resolved_for(tx, account)
    event = PolicyChanged(
        profile=account.profile,
        policy_version=account.policy_version,
        values={key: found.value for key, found in policy.items()},
    )
    # nothing came in at the door: the change itself is the cause
    origin = Origin(account.organization_id, account.id, ids.new("chg"), ids.trace_parent())
    version = account.policy_version
    tx.publish(Envelope.of(event, origin, subject=account.id, seq=version, at=tx.now))


async def _changed(tx: Tx, account: Account) -> Account:
    changed = with_next_policy(tx, account)
    await accounts.save_account(tx, changed)
    await publish(tx, changed)
    return changed


def with_next_policy(tx: Tx, account: Account) -> Account:
    """The account after a change of its policy."""
    return replace(
        account,
        row_version=account.row_version + 1,
        policy_version=account.policy_version + 1,
        policy_resolved_at=tx.now,
        updated_at=tx.now,
    )


async def _locked(tx: Tx, organization_id: str, account_id: str, expected: Precondition) -> Account:
    account = await accounts.lock_account(tx, organization_id, account_id)
    if account is None:
        raise NotFound("no such account")
    expected.check(etag(account.row_version))
    return account


def _check_key(key: str) -> None:
    if key not in KINDS:
        raise Invalid(f"there is no policy key {key}", pointer="#/key")


def _check(key: str, value: Value) -> None:
    _check_key(key)
    complaint = KINDS[key].complaint(value)
    if complaint is not None:
        raise Invalid(f"{key} must be {complaint}", pointer="#/value")
