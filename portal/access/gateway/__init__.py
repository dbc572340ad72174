"""The data plane: carries pictures and keystrokes between browsers and desktops.

A process of its own: no Django, no database, no other room of the house. It asks the portal who
may see what, adds the desktop's own secret, and strips what neither side should see.
"""
