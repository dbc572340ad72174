"""Desktops as pods of a Kubernetes cluster.

`driver` holds the verbs, `watch` and `streams` hear what becomes of pods, `rooms` makes tenants'
namespaces. `names`, `manifests`, `tenants`, `pods`, `causes` and most of `machines` are pure. Only
`client` imports the `kubernetes` package.
"""
