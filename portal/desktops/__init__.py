"""Pages about desktops and the actions behind them. No tables.

Views parse, `actions` decide (permission, then intent, in one transaction), the provisioner acts.
"""
