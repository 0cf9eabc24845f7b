"""What the platform of organisations and accounts tells."""

from typing import Any

from shared.contracts.envelope import Event


class PolicyChanged(Event):
    """The policy of one account, resolved (subject: the account). `values` holds every key."""

    type = "open_platform.policy_changed"

    profile: str
    policy_version: int  # grows by one with every change of this account's policy
    values: dict[str, Any]
