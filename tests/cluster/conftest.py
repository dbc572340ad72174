"""The cluster's own tests use what they are about."""

from tests.cluster.fixtures import cluster, control_plane

__all__ = ["cluster", "control_plane"]
