"""Mistakes that somebody could make, each planted into the model by its name, never into the product."""

BUGS = (
    "quota check without its condition",
    "inbox mark after the effect",
    "inbox mark before the effect",
    "relay by highest id",
    "retry after an ambiguous send",
    "acknowledgement before commit",
    "answered before it is stored",
    "echo bound twice",
    "echo of an answer never looked at",
    "hold released by time alone",
    "lost lease tried again",
    "rest goes on after a doubt",
    "deadline not looked at",
    "claim of a lost commit forgotten",
    "reply in another window than its hold",
)
WITHIN = 3000  # seeds in which each of them must be seen
