"""Who answers in a conversation, when several want it at once."""

from tests.service.direct_messages.conftest import PRICE, Shop


async def test_of_two_people_who_take_one_conversation_the_second_is_told(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("在吗")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    seen = (await shop.get(path)).headers["etag"]

    first = await shop.call("PUT", f"{path}/owner", {"owner": "person"}, if_match=seen)
    second = await shop.call("PUT", f"{path}/owner", {"owner": "bot"}, if_match=seen)

    assert (first.status_code, second.status_code) == (200, 412)
    read = await shop.get(path)
    assert (read.json()["owner"], read.headers["etag"]) == ("person", first.headers["etag"])
