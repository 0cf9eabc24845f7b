"""Which ordered failure strikes."""

from services.douyin_simulator.domain.demo import seeded_fans
from services.douyin_simulator.domain.failures import Failure, FailureKind, Match, choose
from services.douyin_simulator.domain.identifiers import conversation_id, opaque_id

SUBJECT = Match("biz", "fan", "@c==")
ORDER = Failure(1, FailureKind.RESET, Match(), accepted=False)


def never(_: Failure) -> float:
    return 0.999


def always(_: Failure) -> float:
    return 0.0


def test_the_oldest_order_that_fits_strikes() -> None:
    other = Failure(1, FailureKind.SLOW, Match(open_id="other"), accepted=True)
    mine = Failure(2, FailureKind.RESET, Match(to_user_id="fan"), accepted=False)
    assert choose([other, mine, ORDER], SUBJECT, never) is mine


def test_an_order_that_is_used_up_strikes_no_more() -> None:
    used = Failure(1, FailureKind.RESET, Match(), accepted=False, remaining=1).after_firing()
    assert (used.remaining, used.fired) == (0, 1)
    assert choose([used], SUBJECT, always) is None


def test_the_dice_decide_on_an_order_with_a_probability() -> None:
    rare = Failure(1, FailureKind.RESET, Match(), accepted=False, probability=0.5)
    assert choose([rare], SUBJECT, always) is rare
    assert choose([rare], SUBJECT, never) is None


def test_ids_are_opaque_stable_and_different_for_every_app() -> None:
    ours = conversation_id("app", "biz", "fan")
    assert ours == conversation_id("app", "biz", "fan")
    assert ours != conversation_id("other app", "biz", "fan")
    many = "".join(opaque_id("x", number) for number in range(100))
    assert ours.startswith("@")
    assert ours.endswith("==")
    assert "+" in many
    assert "/" in many


def test_the_demo_has_the_same_fans_every_time() -> None:
    fans = seeded_fans(300)
    assert fans == seeded_fans(300)
    assert (fans[0].fan.open_id, fans[0].fan.nickname) == ("fan-open-id-0001", "粉丝甲")
    assert len({one.fan.open_id for one in fans}) == 300
    assert not fans[0].follows
    assert 150 < sum(one.follows for one in fans) < 250
