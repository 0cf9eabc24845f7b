"""A pretend Douyin: stateful, with a controllable clock and failures on demand.

Owns: its own apps, accounts, fans, conversations, tokens, reply windows, cards, groups and videos, and
the record of every message that it accepted. That record is the oracle of all tests: what is in it was
delivered to a fan, what is not in it was not.

Promises: the platform's wire format and its rules (windows, caps, error codes, envelopes);
signed webhooks, tried once and again three times with the same Msg-Id; a message is in the record,
handed to the operating system, before its answer leaves, so that a restart and `kill -9` forget
nothing. It shares no code with the connector, so that neither hides the other's mistake.
"""
