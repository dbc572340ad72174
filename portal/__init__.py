"""The front: people, plans and pages. May import billing and provisioner; nothing imports it."""
