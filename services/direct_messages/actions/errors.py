"""The ways in which this service says no, each with a code of its own."""

from shared.errors import AppError


class NoReplyContext(AppError):
    """Nothing of the fan can be answered now: no live message and no live page entry."""

    code = "direct_messages.no_reply_context"
    status = 409
    title = "Nothing to reply to"
    title_zh = "没有可回复的消息"
    meaning_zh = "该粉丝没有仍在有效期内的消息或进入会话。"
    to_do = "Wait until the fan writes or opens the chat again."
    to_do_zh = "请等粉丝再次发消息或进入会话。"


class QuotaExhausted(AppError):
    """The budget for this fan is used up; `resets` says with what it comes back."""

    code = "quota.exhausted"
    status = 429
    title = "Quota exhausted"
    type_uri = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    title_zh = "配额已用尽"
    meaning_zh = "对该粉丝的额度已用完，`resets` 说明何时恢复。"
    to_do = "Read `resets`: a message of the fan, or a time, brings the budget back."
    to_do_zh = "请看 `resets`：粉丝的新消息或到达某个时间后恢复。"


class NotUnknown(AppError):
    """Only a send whose outcome is unknown can be sent again, and only once."""

    code = "direct_messages.not_unknown"
    status = 409
    title = "This send cannot be superseded"
    title_zh = "该次发送不能重发"
    meaning_zh = "只有结果未知的发送可以重发，且只能一次。"
    to_do = "Look at the timeline: what was sent or failed cannot be superseded."
    to_do_zh = "请查看时间线：已发送或已失败的不能重发。"


class NotRecallable(AppError):
    """Only a message of ours that was sent can be taken back."""

    code = "direct_messages.not_recallable"
    status = 409
    title = "This message cannot be taken back"
    title_zh = "该消息不能撤回"
    meaning_zh = "只有我方已发送的消息才能撤回。"
    to_do = "Look at the message's `state` in the timeline."
    to_do_zh = "请在时间线中查看该消息的 `state`。"


class TooManyRules(AppError):
    """The account has as many rules as its policy allows."""

    code = "direct_messages.too_many_rules"
    status = 409
    title = "Too many rules"
    title_zh = "规则数量已达上限"
    meaning_zh = "账号的规则数量已达到其策略允许的上限。"
    to_do = "Delete a rule, or raise `dm.rules.max_per_account` for this account."
    to_do_zh = "请删除规则，或调高该账号的 `dm.rules.max_per_account`。"


class DraftCrossed(AppError):
    """Somebody changed rules that the draft changes too; `rules` names them."""

    code = "direct_messages.draft_crossed"
    status = 409
    title = "The draft is no longer about the rules as they are"
    title_zh = "草稿所依据的规则已被修改"
    meaning_zh = "草稿中的规则在此期间被他人修改，`rules` 列出这些规则。"
    to_do = "Read the draft, look at `crossed`, and put those changes again without `base_version`."
    to_do_zh = "请读取草稿，查看 `crossed`，然后去掉 `base_version` 重新保存这些改动。"


class NothingToPublish(AppError):
    """The published rules are the same already."""

    code = "direct_messages.nothing_to_publish"
    status = 409
    title = "Nothing to publish"
    title_zh = "没有可发布的内容"
    meaning_zh = "已发布的规则与此相同。"
    to_do = "Put changes into the draft first, or restore another rule set."
    to_do_zh = "请先在草稿中保存改动，或恢复其他版本。"


class Taken(AppError):
    """Another agent has the conversation; `agent` says who."""

    code = "direct_messages.taken"
    status = 409
    title = "Another agent has this conversation"
    title_zh = "该会话已由其他客服接待"
    meaning_zh = "该会话正由其他客服接待，`agent` 说明是谁。"
    to_do = "Leave it to them, or let a supervisor transfer it."
    to_do_zh = "请交由对方处理，或请主管转接。"


class NotWithPeople(AppError):
    """The conversation waits for nobody and nobody has it: there is nothing to hand on or give back."""

    code = "direct_messages.not_with_people"
    status = 409
    title = "No person is asked for"
    title_zh = "该会话没有转人工"
    meaning_zh = "该会话既未排队，也没有客服接待。"
    to_do = "Accept the conversation first."
    to_do_zh = "请先接待该会话。"


class KeyHasAgent(AppError):
    """An API key speaks for one agent only, and this one speaks for another."""

    code = "direct_messages.key_has_agent"
    status = 409
    title = "The key speaks for another agent"
    title_zh = "该密钥已属于其他客服"
    meaning_zh = "一个 API 密钥只能代表一位客服。"
    to_do = "Make a key for each agent."
    to_do_zh = "请为每位客服创建各自的密钥。"


class ShortcutTaken(AppError):
    """Another ready reply of the account is found under this word."""

    code = "direct_messages.shortcut_taken"
    status = 409
    title = "The shortcut is taken"
    title_zh = "快捷词已被使用"
    meaning_zh = "该账号已有其他快捷回复使用这个快捷词。"
    to_do = "Choose another shortcut, or change the reply that has it."
    to_do_zh = "请换一个快捷词，或修改已有的快捷回复。"
