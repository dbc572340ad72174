"""Pages about people. Views parse and show; the modules beside this package decide."""
