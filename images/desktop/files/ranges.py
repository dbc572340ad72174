"""Conditional requests and parts of files (RFC 9110 §13 and §14). Pure."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timezone
from email.message import Message
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.ASCII | re.IGNORECASE)
# A date in whole seconds names one state of a file only once it cannot change within that second.
SETTLED_S = 2.0


class Unsatisfiable(Exception):
    """The part asked for lies behind the end."""


@dataclass(frozen=True)
class Validators:
    """What tells one state of a file from another. `modified` is empty while it proves nothing."""

    etag: str
    modified: str

    @classmethod
    def of(cls, about: os.stat_result, now_s: float) -> Validators:
        # Inode and change time too: who copies a file over another may keep size and date.
        parts = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
        return cls('"' + "-".join(f"{part:x}" for part in parts) + '"', _dated(about, now_s))

    def headers(self) -> dict[str, str]:
        return {"ETag": self.etag} | ({"Last-Modified": self.modified} if self.modified else {})


def refusal(given: Message, valid: Validators) -> HTTPStatus | None:
    """412 or 304 where a precondition is not met (§13.2.2); else None."""
    if "If-Match" in given:
        if not _matches(_all(given, "If-Match"), valid.etag, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
    elif (limit := _seconds(_all(given, "If-Unmodified-Since"))) is not None:
        changed = _seconds(valid.modified)
        if changed is None or changed > limit:
            return HTTPStatus.PRECONDITION_FAILED
    if "If-None-Match" in given:
        if _matches(_all(given, "If-None-Match"), valid.etag, weak=True):
            return HTTPStatus.NOT_MODIFIED
    elif (since := _seconds(_all(given, "If-Modified-Since"))) is not None:
        changed = _seconds(valid.modified)
        if changed is not None and changed <= since:
            return HTTPStatus.NOT_MODIFIED
    return None


def part(given: Message, valid: Validators, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None: all of it.

    All of it also where the file is another than `If-Range` means, and for what is no range, or
    several: both may be ignored (§14.2).

    Raises:
        Unsatisfiable: 416.
    """
    found = _RANGE.fullmatch(_all(given, "Range"))
    if found is None or not size:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if first and last and int(last) < int(first):
        return None
    if "If-Range" in given:
        condition = _all(given, "If-Range").strip()
        if condition not in (valid.etag, valid.modified) or not condition:
            return None
    if not first:
        if not int(last):
            raise Unsatisfiable
        return max(0, size - int(last)), size
    if int(first) >= size:
        raise Unsatisfiable
    return int(first), min(size, int(last) + 1) if last else size


def _all(given: Message, name: str) -> str:
    return ", ".join(given.get_all(name, []))


def _matches(condition: str, etag: str, *, weak: bool) -> bool:
    if condition.strip() == "*":
        return True
    return any(tag == etag and (weak or not mark) for mark, tag in _TAG.findall(condition))


def _dated(about: os.stat_result, now_s: float) -> str:
    if now_s - max(about.st_mtime, about.st_ctime) < SETTLED_S:
        return ""
    try:
        return formatdate(about.st_mtime, usegmt=True)
    except (OverflowError, ValueError, OSError):
        return ""  # a year that no calendar has


def _seconds(date: str) -> float | None:
    """None where it is no date: such a condition is ignored."""
    try:
        found = parsedate_to_datetime(date)
        return found.replace(tzinfo=found.tzinfo or timezone.utc).timestamp()  # noqa: UP017
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
