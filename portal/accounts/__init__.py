"""People: users, tenants, who belongs where and what they may do.

`permissions` is the only place that says "may". This room knows nothing of desktops or money.
"""
