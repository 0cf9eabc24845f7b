"""Shows what was seen of what an account publishes."""

from services.douyin import store
from services.douyin.actions.asking import AskDeps
from services.douyin.store import posts
from services.douyin.store.posts import BroadcastRow, LookRow, Place, Tenant, VideoRow
from shared.errors import NotFound


async def list_videos(
    deps: AskDeps, tenant: Tenant, before: Place | None, most: int
) -> tuple[list[VideoRow], LookRow]:
    """Videos behind that place, and how the last look ended. Raises NotFound."""
    async with deps.database.transaction(tenant[0]) as tx:
        if not await store.knows_account(tx, *tenant):
            raise NotFound("no such account")
        look = await posts.find_look(tx, tenant, "video")
        return await posts.list_videos(tx, tenant, before, most), look


async def list_broadcasts(
    deps: AskDeps, tenant: Tenant, before: Place | None, most: int
) -> tuple[list[BroadcastRow], LookRow]:
    """The same of live broadcasts. Raises NotFound."""
    async with deps.database.transaction(tenant[0]) as tx:
        if not await store.knows_account(tx, *tenant):
            raise NotFound("no such account")
        look = await posts.find_look(tx, tenant, "live")
        return await posts.list_broadcasts(tx, tenant, before, most), look
