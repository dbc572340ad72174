"""What we offer: graphics card classes, plans and setups, loaded from TOML files as data.

It must not know prices (billing does) nor desktops (the provisioner does).
"""
