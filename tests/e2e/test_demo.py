"""`siyu demo` tells its story against the running house, as often as one likes, and stops nothing."""

import re

from tests.e2e.house import House

QUOTA = re.compile(r"quota dm\.reply (\d+) → (\d+),? (of \d+|no limit applies)")
SIX_AFTER_THE_FOLLOW = [("2", "8", "no limit applies")]


def quotas(told: str) -> list[tuple[str, str, str]]:
    """Before, after and the cap of every decision in the story."""
    return QUOTA.findall(told)


def test_the_story_is_told_twice_each_time_with_a_new_fan(house: House) -> None:
    first, second = house.siyu("demo"), house.siyu("demo")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    fans = [re.findall(r"demo-fan_\w+", ran.stdout)[0] for ran in (first, second)]
    assert fans[0] != fans[1]
    for ran, fan in zip((first, second), fans, strict=True):
        assert quotas(ran.stdout) == [
            ("0", "3", "of 6"),
            ("3", "4", "of 6"),
            ("4", "5", "of 6"),
            ("5", "6", "of 6"),
            ("6", "1", "of 6"),
            ("1", "2", "no limit applies"),
            *SIX_AFTER_THE_FOLLOW,
        ]
        assert "429 quota.exhausted" in ran.stdout
        assert "resets with her next message" in ran.stdout
        assert len(house.sent(to_user_id=fan)) == 3 + 3 + 1 + 1 + 6


def test_piped_it_is_plain_text_and_names_causes_that_exist(house: House) -> None:
    told = house.siyu("demo").stdout
    assert "\x1b" not in told
    causes = re.findall(r"cause (evt_\w+)", told)
    assert len(causes) == 3
    for cause in causes:
        assert house.rows("SELECT 1 FROM direct_messages.message WHERE cause = $1", cause)


def test_a_running_house_is_not_reset(house: House) -> None:
    before = house.sent()
    refused = house.siyu("demo", "--reset")
    assert refused.returncode == 1
    assert "already in use" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert house.is_ready()
    assert house.sent() == before
