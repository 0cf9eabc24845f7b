"""What the platform of organisations and accounts tells."""

from typing import Any, Literal

from shared.contracts.envelope import Event


class PolicyChanged(Event):
    """The policy of one account, resolved (subject: the account). `values` holds every key."""

    type = "open_platform.policy_changed"

    profile: str
    policy_version: int  # grows by one with every change of this account's policy
    values: dict[str, Any]


class WebhookEndpointTroubled(Event):
    """An endpoint of an organization fails again and again, or gets nothing any more (subject: the endpoint)."""

    type = "open_platform.webhook_endpoint_troubled"

    endpoint_id: str
    trouble: Literal["failing", "disabled"]
    reason: str  # a stable word
