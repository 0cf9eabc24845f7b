"""The connector: the only code that speaks to Douyin.

It owns Douyin apps and their secrets, the binding and tokens of accounts, every webhook that came
in, and every attempt to send. It promises that an acknowledged webhook is stored and told exactly
once, and that no item of an operation is sent twice. PostgreSQL away: webhooks are refused with 503
so that Douyin delivers again, and nothing is sent. Valkey away: webhooks are still accepted and told
later. Douyin away: sends wait while their window is live. `direct_messages` or `quota` away: their
events wait in the outbox.
"""
