"""Who may look at which desktop, now: tickets, desktop sessions, and the gateway that asks.

`gateway/` is the data plane: a process of its own, without Django and without the database.
"""
