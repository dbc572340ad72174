"""Desktops on this machine: each a PID namespace of its own, kept in a folder below the data.

`driver` keeps the port's promises, `processes` knows who is alive and ends them, `sandbox` says
what a desktop sees, `slots` who gets which place and `cards` what card is there, `folders` where
things lie, `changes` hears; `starting`, `looking` and `ending` are the verbs.
Nothing here knows the database; what runs is found again from the folders alone.
"""
