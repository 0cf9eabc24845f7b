"""The people around an account: who they are, whether they follow, who wants to be contacted.

Owns the fan's record, the follow state as people see it, and leads from their capture to their end.
Promises: a person is one lead for as long as the policy says, however often and wherever a contact
is left; contacts are sealed, and shown in the clear to keys that may see them; whatever comes twice, late
or out of order, the newest observation wins; a follow that is news is told once, as
`fans.follow_changed`, with an epoch that counts follows. When it is down, follow events wait in
their senders' outbox, and quota and conversations go on with what they heard last. It asks no
other service; PostgreSQL away means 503, Redis away means that its own news arrives later.
"""
