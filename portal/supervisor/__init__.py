"""Starts the embedded platform's processes and keeps them running.

PostgreSQL, Valkey, web, gateway, worker and watch are its children. It knows processes, sockets
and folders and nothing else: standard library only (`web.py` excepted, which runs inside the web
process), no Django, no tables, and no opinion about desktops, which outlive it.
"""
