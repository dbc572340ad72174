"""A real Kubernetes for tests. Nothing here is part of the platform."""
