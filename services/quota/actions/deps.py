"""What the actions work with."""

from dataclasses import dataclass

from shared.db import Database
from shared.errors import NeighbourAway


@dataclass(frozen=True)
class Deps:
    """The service's own database; quota asks nobody."""

    database: Database


class PolicyUnknown(NeighbourAway):
    """The account's policy has not arrived yet: nothing can be granted, ask again."""

    code = "quota.policy_unknown"
    title = "The account's policy is not known yet"
    title_zh = "尚未收到该账号的策略"
    meaning_zh = "账号策略尚未送达，暂时不能授予额度。"
    to_do = "Ask again in a moment; a new account is known within seconds."
    to_do_zh = "请稍后重试，新账号几秒内即可生效。"
