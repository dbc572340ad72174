"""The covers of the setups, drawn by code: `python -m images.covers` makes them all anew.

Every picture comes from its own seed and always comes out the same. Needs numpy and Pillow, which
the tests bring; nothing of this runs on a site.
"""
