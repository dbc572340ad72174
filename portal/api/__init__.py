"""REST v1: the same actions as the pages, as JSON, with one error mapping (problem+json).

It must not decide anything: permission, price and state are decided by the actions that the pages
call too. Who asks is told by an API token alone; cookies of the site mean nothing here.
"""
