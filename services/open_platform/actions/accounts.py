"""Organizations and their accounts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.open_platform.actions.deps import Deps
from services.open_platform.actions.policies import publish, with_next_policy
from services.open_platform.domain.accounts import Account, Organization
from services.open_platform.store import accounts
from shared import ids
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import UNCONDITIONAL, Precondition, etag


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a caller says of a new account."""

    name: str
    timezone: str = "Asia/Shanghai"
    profile: str = "seed_2021"
    settings: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What a caller wants to be different; None leaves it as it is."""

    name: str | None = None
    timezone: str | None = None
    profile: str | None = None
    settings: Mapping[str, str] | None = None


async def create_organization(
    deps: Deps, name: str, *, organization_id: str | None = None
) -> Organization:
    """A new organization without accounts and keys. For the command line and the demo."""
    organization_id = organization_id or ids.new("org")
    async with deps.database.transaction(organization_id) as tx:
        organization = Organization(organization_id, name, tx.now)
        await accounts.insert_organization(tx, organization)
    return organization


async def get_organization(deps: Deps, organization_id: str) -> Organization:
    """The organization. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        organization = await accounts.find_organization(tx, organization_id)
    if organization is None:
        raise NotFound("no such organization")
    return organization


async def create_account(
    deps: Deps,
    organization_id: str,
    new: NewAccount,
    *,
    account_id: str | None = None,
    once: Once[Account] = EACH_TIME,
) -> Account:
    """A new account; its policy is published with it. Raises NotFound, Replayed."""
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        if await accounts.find_organization(tx, organization_id) is None:
            raise NotFound("no such organization")
        account = Account(
            organization_id=organization_id,
            id=account_id or ids.new("acc"),
            name=new.name,
            timezone=new.timezone,
            profile=new.profile,
            settings=new.settings or {},
            row_version=1,
            policy_version=1,
            policy_resolved_at=tx.now,
            created_at=tx.now,
            updated_at=tx.now,
        )
        await accounts.insert_account(tx, account)
        await publish(tx, account)
        await once.keep(tx, organization_id, account)
    return account


async def get_account(deps: Deps, organization_id: str, account_id: str) -> Account:
    """The account. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        account = await accounts.find_account(tx, organization_id, account_id)
    if account is None:
        raise NotFound("no such account")
    return account


async def list_accounts(deps: Deps, organization_id: str, after: str, most: int) -> list[Account]:
    """Accounts behind the id `after`, oldest first."""
    async with deps.database.transaction(organization_id) as tx:
        return await accounts.list_accounts(tx, organization_id, after, most)


async def change_account(
    deps: Deps,
    organization_id: str,
    account_id: str,
    change: AccountChange,
    *,
    expected: Precondition = UNCONDITIONAL,
) -> Account:
    """Change the account if it is still as the caller saw it.

    A new profile is another policy, which is published. Raises NotFound, PreconditionFailed.
    """
    async with deps.database.transaction(organization_id) as tx:
        account = await accounts.lock_account(tx, organization_id, account_id)
        if account is None:
            raise NotFound("no such account")
        expected.check(etag(account.row_version))
        wanted = _with(account, change)
        if wanted == account:
            return account
        if wanted.profile != account.profile:
            changed = with_next_policy(tx, wanted)
            await accounts.save_account(tx, changed)
            await publish(tx, changed)
        else:
            changed = replace(wanted, row_version=wanted.row_version + 1, updated_at=tx.now)
            await accounts.save_account(tx, changed)
    return changed


def _with(account: Account, change: AccountChange) -> Account:
    return replace(
        account,
        name=account.name if change.name is None else change.name,
        timezone=account.timezone if change.timezone is None else change.timezone,
        profile=account.profile if change.profile is None else change.profile,
        settings=account.settings if change.settings is None else change.settings,
    )
