"""The queue: Celery over Valkey/Redis. Messages may be lost or doubled; rows are the truth."""
