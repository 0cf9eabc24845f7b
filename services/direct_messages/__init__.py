"""Conversations between an account and its fans: automatic replies, people's replies, hand-off.

Owns: conversations, messages and their states, auto-reply rules with every version of a rule set,
the decision on every inbound message, page entry and follow, agents, and hand-offs to them. Promises: each inbound is decided once
and the decision can be explained and recomputed for ever; nothing is sent without a reservation of
`quota`; the bot is silent while a person owns the conversation. When `quota` is away, inbound waits
in the lane and nothing is counted or lost; when `douyin` is away, sends wait in the outbox until
their reply window ends; reading, rules and hand-off go on.
"""
