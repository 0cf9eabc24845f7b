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


async def test_messages_that_come_meanwhile_do_not_hinder_who_takes_a_conversation(
    shop: Shop,
) -> None:
    await shop.rules(PRICE)
    await shop.says("在吗")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    seen = (await shop.get(path)).headers["etag"]
    await shop.says("多少钱")
    read = await shop.get(path)
    assert read.headers["etag"] != seen, "whoever reads it again gets what is new"

    taken = await shop.call("PUT", f"{path}/owner", {"owner": "person"}, if_match=seen)
    assert (taken.status_code, taken.json()["owner"]) == (200, "person")


async def test_who_took_it_and_gave_it_back_has_changed_it(shop: Shop) -> None:
    await shop.says("在吗")
    path = f"/v1/conversations/{(await shop.conversation())['id']}"
    seen = (await shop.get(path)).headers["etag"]
    for owner in ("person", "bot"):
        await shop.call("PUT", f"{path}/owner", {"owner": owner}, if_match="*")
    late = await shop.call("PUT", f"{path}/owner", {"owner": "person"}, if_match=seen)
    assert late.status_code == 412
