"""Who may look at which desktop: tickets, sessions, and the gateway, up to real browsers."""
