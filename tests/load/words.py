"""What fans write and what rules look for: the same for us and for the peers, without any library."""

import random

TEXTS = ("你好，多少钱", "什么时候发货呀", "尺码怎么选", "门店地址在哪里", "有什么优惠活动吗")
# What the peers' rules find in them; two of five texts match nothing.
FOUND = ("多少钱", "发货", "尺码")
_HOTLINE = "12315"  # of consumer protection: whoever writes it gets a person and no reply

_SIGNS = "衣裤鞋帽袜包裙衫袖领扣链绒棉麻丝羊毛皮革红橙黄绿青蓝紫黑白灰米杏棕咖粉金银春夏秋冬"


def said(number: int) -> str:
    """What message `number` says."""
    return f"{TEXTS[number % len(TEXTS)]} {number}".replace(_HOTLINE, "12-")


def some_words(dice: random.Random) -> tuple[str, ...]:
    """Three words of two to four signs, as a shop's rule holds them."""
    return tuple("".join(dice.choices(_SIGNS, k=dice.randint(2, 4))) for _ in range(3))


def peers_rules(count: int) -> list[tuple[str, ...]]:
    """The words of `count` rules; those that match stand evenly among the others."""
    dice = random.Random(20)
    rules = [some_words(dice) for _ in range(count)]
    for number, word in enumerate(FOUND):
        rules[number * count // len(FOUND) + count // (2 * len(FOUND))] = (word,)
    return rules
