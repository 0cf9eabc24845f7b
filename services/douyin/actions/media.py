"""Where an image or a video that a fan sent can be fetched: asked each time, kept nowhere.

The platform hands out an address that holds a secret and ends soon, and no bytes. Ours is the same: whoever
may read the conversation fetches from there. We do not fetch it for them: that would be a request to whatever
host an answer names, and files of any size, which are the fan's, would pass through here.
"""

from dataclasses import dataclass
from functools import partial

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask, usable_account
from services.douyin.domain.questions import MEDIA
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.domain.strict_json import NotStrict, parse_object
from services.douyin.domain.webhooks import read
from shared.errors import NotFound

_PATH = "/api/im/message/resources/"
_MOST_URL = 4000


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a fan. The address holds a secret and dies soon: never log or store it."""

    kind: str
    url: str


async def find_media(
    deps: AskDeps, organization_id: str, account_id: str, message_id: str
) -> Media:
    """The file that came with the fan's message of that platform id. Raises NotFound and as `ask` does."""
    account = await usable_account(deps, organization_id, account_id)
    async with deps.database.transaction(organization_id) as tx:
        place = (organization_id, account_id, account.client_key)
        body = await store.find_message(tx, place, message_id)
    if body is None:
        raise NotFound("no message of that id came in, or it was forgotten")
    try:
        webhook = read(parse_object(deps.sealer.open_bytes(organization_id, body)))
    except NotStrict as broken:
        raise NotFound("the message cannot be read") from broken
    question = {
        "open_id": account.open_id,
        "conversation_id": str((webhook.content or {}).get("conversation_short_id", "")),
        "message_id": message_id,
    }
    get = partial(deps.asking.get, _PATH)
    fields = await ask(deps, account, MEDIA, lambda token: get(token, **question))
    url = fields.get("url")
    if not isinstance(url, str) or not url.startswith(deps.asking.schemes) or len(url) > _MOST_URL:
        raise PlatformBusy("Douyin named no address", reason="no_url")
    kind = fields.get("media_type")
    return Media(kind if kind in {"image", "video"} else "other", url)
