"""WeRoBot with `RULES` rules, as a WSGI application: it answers inside the HTTP response."""

import os
import re
from collections.abc import Callable
from typing import Any

import werobot

from tests.load.words import peers_rules

TOKEN = "siyubench"


def _answering(number: int) -> Callable[[Any], str]:
    def answer(message: Any) -> str:
        return f"rule {number} answers {message.message_id}"

    return answer


def _robot(rules: int) -> Any:
    robot = werobot.WeRoBot(token=TOKEN, enable_session=False)
    for number, words in enumerate(peers_rules(rules)):
        robot.add_filter(_answering(number), [re.compile(f".*?({'|'.join(words)})")])
    return robot


application = _robot(int(os.environ["RULES"])).wsgi
