"""The addresses of the API: they parse, call an action, and show what came of it."""
