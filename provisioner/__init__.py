"""The engine room: desktops, the drivers that run them, and the machines beneath.

It knows what we want (`desktops`), what is (`observer`), and how to bring the two together
(`reconciler`). It must not know about people's permissions, money or web pages: it imports
nothing from `billing` or `portal`.
"""
