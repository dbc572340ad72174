"""The machines beneath: which there are, what of them is to be had, what is broken.

Holds facts and nothing else: who gets a card is decided in `provisioner.queue`, and nothing here
talks to a machine or a cluster.
"""
