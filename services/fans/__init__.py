"""The people around an account: who they are and whether they follow.

Owns the fan's record and the follow state as people see it. Promises: whatever comes twice, late
or out of order, the newest observation wins; a follow that is news is told once, as
`fans.follow_changed`, with an epoch that counts follows. When it is down, follow events wait in
their senders' outbox, and quota and conversations go on with what they heard last. It asks no
other service; PostgreSQL away means 503, Redis away means that its own news arrives later.
"""
