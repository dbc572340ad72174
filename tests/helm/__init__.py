"""The chart: its values, what it makes, and what its accounts may do on a real API server."""
