"""Readers of what an owner grants and withdraws. These events name no time."""

from services.douyin.domain.tokens import scopes_in
from services.douyin.domain.webhooks.facts import AuthorisationReported, Fact
from services.douyin.domain.webhooks.fields import Fields, Outer, needed


def reported(outer: Outer, content: Fields) -> Fact | str:
    """The owner authorised an app or withdrew, wholly or for direct messages alone."""
    return AuthorisationReported(
        report=outer.event,
        open_id=needed("owner", outer.from_id),
        scopes=scopes_in(content.get("scopes")),
        at_ms=None,
    )
