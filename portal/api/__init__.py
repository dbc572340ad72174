"""REST v1: the same actions as the pages, as JSON, with one error mapping (problem+json)."""
