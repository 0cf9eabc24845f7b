"""The scarce budgets of an account: monthly pushes and replies to fans who do not follow.

Owns: limits as they apply to an account (a copy of its policy), buckets, reservations and an
append-only ledger. Nobody else counts.

Promises: `used + held` never exceeds the cap, under concurrency and under crashes (a table constraint
says so too). An operation id asked twice gets one reservation. A refusal is an answer, never an error,
and says what is used, what is held and when there is room again. A hold ends by commit, by release, or
with its window; nothing is released by time alone while a send may have left.

When a neighbour is down: PostgreSQL away: every question is answered 503 and callers wait, nothing is
granted. Redis away: questions are answered as ever; settlements and policy changes arrive later, and
until then holds stay held. The connector or direct messages away: their holds stay, are reported as
overdue, and are settled when they answer.
"""
