"""THE WORKSHOP: what desktops are made of. One folder an image, recipe beside setup.toml.

It must not know the portal, the counting room or the engine room, nor Django: what is here is used
by whoever builds an image or prepares a setup, on machines where none of those are installed.
"""
