"""P6: a thousand rules against a text, and the whole decision without I/O; in this process alone.

Beside the matching: a loop over all keywords, and one compiled regular expression.
"""

import random
import re
import time
from collections.abc import Callable, Sequence

from services.direct_messages.domain.cases import Case
from services.direct_messages.domain.changes import applied
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.matching import CompiledRules, compile_rules
from services.direct_messages.domain.texts import Form, reading
from tests.load.figures import Peer, Result, at_most, beside, figure
from tests.load.parts import Shape
from tests.load.rules import some_changes
from tests.load.system import Void
from tests.load.words import some_words
from tests.unit.direct_messages import cases

_RULES = 1_000
_SIGNS = 30  # of a text
_MATCHING = 0.6  # of the texts
_COMMON = range(0x4E00, 0x4E00 + 3_000)  # as many signs as people use
_FAMILIAR = 0.3  # of the signs: fans speak of what the rules speak of


def measure(shape: Shape) -> list[Result]:
    """CPU microseconds a text."""
    dice = random.Random(6)
    words = [some_words(dice)[0] for _ in range(_RULES)]
    texts = [_text(dice, words) for _ in range(shape.of(5_000, 500))]
    ours = compile_rules(1, [cases.contains(f"{n:04}", w) for n, w in enumerate(words)])
    pattern = re.compile("|".join(map(re.escape, words)))
    _check(ours, words, pattern, texts)
    rules = compile_rules(1, applied([], some_changes(_RULES), cases.NOW).rules)
    decisions = [_case(number, text, rules) for number, text in enumerate(texts)]
    # the peers are not asked to read 紅 as 红; the whole decision has that in it
    said = [reading(text, Form.CHINESE) for text in texts]
    seen: dict[str, list[float]] = {"ours": [], "loop": [], "regex": [], "whole": []}
    for _ in range(shape.runs):
        seen["ours"].append(_cost(ours.matches_of, said))
        seen["loop"].append(_cost(lambda text: _naive(words, text), texts[: len(texts) // 5]))
        seen["regex"].append(_cost(pattern.search, texts[: len(texts) // 5]))
        seen["whole"].append(_cost(decide, decisions))
    naive, compiled = (
        Peer("a loop over them", seen["loop"]),
        Peer("one regex, leftmost", seen["regex"]),
    )
    return [
        figure("P6 matching of 1,000 keywords", "µs/message", seen["ours"], at_most(5), naive),
        beside("P6 matching beside a compiled regex", seen["ours"], compiled),
        figure("P6 whole decision, 1,000 rules", "µs/message", seen["whole"], at_most(50)),
    ]


def _text(dice: random.Random, words: Sequence[str]) -> str:
    known = "".join(words)
    signs = "".join(
        dice.choice(known) if dice.random() < _FAMILIAR else chr(dice.choice(_COMMON))
        for _ in range(_SIGNS)
    )
    if dice.random() >= _MATCHING:
        return signs
    word, place = dice.choice(words), dice.randrange(_SIGNS - 4)
    return signs[:place] + word + signs[place + len(word) :]


def _case(number: int, text: str, rules: CompiledRules) -> Case:
    return cases.a_case(cases.a_message(text, number=number), rules=rules)


def _naive(words: Sequence[str], text: str) -> str | None:
    """The longest word in the text, the first of its like: what our precedence says."""
    found = [(-len(word), place) for place, word in enumerate(words) if word in text]
    return words[min(found)[1]] if found else None


def _check(
    ours: CompiledRules, words: Sequence[str], pattern: re.Pattern[str], texts: Sequence[str]
) -> None:
    for said in texts:
        found = ours.matches(said)
        text = reading(said, Form.CHINESE).words  # the others are not asked to know 紅 for 红
        first = found[0].found if found else None
        if first != _naive(words, text) or (first is None) is not (pattern.search(text) is None):
            raise Void(f"{first} was found where {_naive(words, text)} stands")


def _cost(work: Callable[..., object], inputs: Sequence[object]) -> float:
    began = time.process_time()
    for one in inputs:
        work(one)
    return (time.process_time() - began) / len(inputs) * 1e6
