"""The counting room: prices today, meters and the ledger to come.

It may read the provisioner's timeline. It must not know about web pages, and nothing in the
provisioner may know about it.
"""
