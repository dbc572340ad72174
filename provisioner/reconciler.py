"""The hand: claim → look → decide → act → look again. It looks before it moves.

One column, `look_after`, is schedule, retry timer and lease at once: a claim moves it into the
future *where it is still what was read*, and every later write of the hand is guarded by the same
lease. What a dead worker left half done is found again when its lease runs out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from provisioner import nudge, observer, queue, states, timeline
from provisioner.drivers.base import App, DesktopSpec, Driver, GpuNeed
from provisioner.errors import DriverError, DriverUnavailable, NoCapacity, SpecRejected
from provisioner.models import MAX_ATTEMPTS, Desktop, Transition
from provisioner.states import Act, Desired, Observed

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
# Attempts are forgotten only once a desktop stayed ready this long, so a machine that dies right
# after becoming ready cannot loop for ever.
SETTLED = timedelta(seconds=120)
PENDING_AGAIN = timedelta(seconds=2)
STOPPING_AGAIN = timedelta(seconds=1)
WAITING_AGAIN = timedelta(seconds=5)
BLIND_AGAIN = timedelta(seconds=5)
BACKOFF = [timedelta(0), timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=20)]
# stop → start → look is the longest chain of acts that makes sense in one go.
ACTS_AT_ONCE = 4
SWEEP_AT_ONCE = 500


class _LeaseLost(Exception):
    """Somebody else, or the will, moved the row on: leave it to them."""


@dataclass(slots=True)
class _Hold:
    id: UUID
    lease: datetime

    def write(self, **columns: object) -> None:
        """Write columns of the hand where the row is still ours."""
        mine = Desktop.objects.filter(id=self.id, look_after=self.lease)
        if mine.update(**columns) != 1:
            raise _LeaseLost

    def release(self, after: timedelta | None) -> None:
        self.write(look_after=None if after is None else timezone.now() + after)


def due(*, limit: int = SWEEP_AT_ONCE) -> list[UUID]:
    """Whose time has come, the longest waiting first."""
    rows = Desktop.objects.filter(look_after__lte=Now()).order_by("look_after")
    return list(rows.values_list("id", flat=True)[:limit])


def wake(desktop_ids: Collection[UUID]) -> None:
    """Look at these now, unless a hand already works on them or has said when to look again."""
    idle = Desktop.objects.filter(id__in=desktop_ids, look_after=None)
    woken = [desktop.id for desktop in idle if _act(desktop) not in (Act.NOTHING, Act.WAIT)]
    if woken:
        Desktop.objects.filter(id__in=woken, look_after=None).update(look_after=Now())
        nudge.send(woken)


def reconcile(driver: Driver, desktop_id: UUID) -> None:
    """Bring one desktop closer to what is wanted, if it is due and nobody else has it."""
    hold = _claim(desktop_id)
    if hold is None:
        return
    try:
        hold.release(_work(driver, hold))
    except _LeaseLost:
        log.info("reconcile.lease_lost desktop=%s", desktop_id)
    except DriverUnavailable as error:
        log.warning("reconcile.blind desktop=%s error=%s", desktop_id, error)
        _put_back(hold)
    except DriverError as error:
        # `start` words its own; what is left is a machine that could not be ended or erased.
        log.error("reconcile.refused desktop=%s error=%s", desktop_id, error)
        _put_back(hold)


def glance(driver: Driver, desktop_id: UUID) -> None:
    """Something moved there: look, and wake the hand if there is something to do."""
    if Desktop.objects.filter(id=desktop_id).exists():
        observer.look(driver, desktop_id)
        wake([desktop_id])
    else:
        survey(driver)


def survey(driver: Driver) -> observer.Survey:
    """Look at everything, wake what changed, clear away what nobody wants."""
    seen = observer.survey(driver)
    wake({*seen.changed, *_unsettled()})
    for ghost in seen.ghosts:
        log.warning("survey.ghost desktop=%s", ghost)
        driver.erase(ghost)
    for orphan in seen.orphans:
        # No row at all: perhaps the database is an old copy. Free the machine, keep the disk.
        log.error("survey.orphan desktop=%s", orphan)
        driver.stop(orphan)
    return seen


def _unsettled() -> list[UUID]:
    """Nobody will look at these, and yet they are not as wanted.

    Whoever saw the change may have died between writing it down and waking the hand.
    """
    rest = (
        Q(desired=Desired.RUNNING, observed=Observed.READY, observed_generation=F("generation"))
        | Q(desired=Desired.STOPPED, observed=Observed.ABSENT)
        | Q(erased_at__isnull=False, observed=Observed.ABSENT)
        | Q(
            desired=Desired.RUNNING,
            observed=Observed.ABSENT,
            attempts__gte=MAX_ATTEMPTS,
            attempts_generation=F("generation"),
        )
    )
    rows = Desktop.objects.filter(look_after=None).exclude(rest)
    return list(rows.values_list("id", flat=True)[:SWEEP_AT_ONCE])


def _claim(desktop_id: UUID) -> _Hold | None:
    read = Desktop.objects.filter(id=desktop_id, look_after__lte=Now()).first()
    if read is None or read.look_after is None:
        return None
    hold = _Hold(desktop_id, timezone.now() + LEASE)
    still = Desktop.objects.filter(id=desktop_id, look_after=read.look_after)
    return hold if still.update(look_after=hold.lease) == 1 else None


def _put_back(hold: _Hold) -> None:
    try:
        hold.release(BLIND_AGAIN)
    except _LeaseLost:
        pass


def _work(driver: Driver, hold: _Hold) -> timedelta | None:
    """Look, decide and act until there is something to wait for; answers for how long."""
    for _step in range(ACTS_AT_ONCE):
        desktop = observer.look(driver, hold.id)
        if desktop.attempts and timeline.ready_before_end_s(desktop) >= SETTLED.total_seconds():
            hold.write(attempts=0)
            desktop.attempts = 0
        act = _act(desktop)
        if act == Act.ERASE:
            _erase(driver, hold)
            return None
        if act == Act.STOP:
            pause = _stop(driver, desktop)
        elif act == Act.START:
            pause = _start(driver, desktop, hold)
        else:
            return _rest(desktop)
        if pause is not None:
            return pause
    return timedelta(0)


def _act(desktop: Desktop) -> Act:
    return states.act(
        Desired(desktop.desired),
        Observed(desktop.observed),
        stale=desktop.stale,
        overdue=desktop.overdue,
        exhausted=desktop.exhausted,
        erased=desktop.erased_at is not None,
    )


def _rest(desktop: Desktop) -> timedelta | None:
    """When to look again at what needs no act; None: the watch and the survey will notice."""
    if desktop.observed == Observed.PENDING:
        return PENDING_AGAIN
    return STOPPING_AGAIN if desktop.observed == Observed.STOPPING else None


def _start(driver: Driver, desktop: Desktop, hold: _Hold) -> timedelta | None:
    if queue.must_wait(desktop):
        observer.explain(desktop.id, cause="gpu_none_free", detail={})
        return WAITING_AGAIN
    again = desktop.attempts_generation == desktop.generation
    spent = desktop.attempts if again else 0
    # Counted before the act, and fenced by it: whoever lost the lease must not start anything.
    hold.write(attempts=spent + 1, attempts_generation=desktop.generation)
    try:
        driver.start(_spec(desktop))
    except NoCapacity as error:
        hold.write(attempts=spent)
        observer.explain(desktop.id, cause=error.cause, detail=error.detail)
        return WAITING_AGAIN
    except DriverUnavailable:
        hold.write(attempts=spent)
        raise
    except DriverError as error:
        if isinstance(error, SpecRejected):
            hold.write(attempts=MAX_ATTEMPTS)
        observer.explain(desktop.id, cause=error.cause, detail={"log": str(error)} | error.detail)
        return _backoff(spent + 1)
    return None


def _stop(driver: Driver, desktop: Desktop) -> timedelta | None:
    wanted = desktop.desired == Desired.RUNNING and not desktop.stale
    if wanted and desktop.overdue:
        minutes = settings.ATELIER.start_deadline_s / 60
        observer.explain(desktop.id, cause="desktop_start_timeout", detail={"min": minutes})
    driver.stop(desktop.id)
    now = observer.look(driver, desktop.id)
    if now.observed != Observed.ABSENT:
        return STOPPING_AGAIN
    nudge.send(_next_waiters(desktop))
    if wanted and not now.exhausted:
        return _backoff(desktop.attempts)
    return None


def _next_waiters(desktop: Desktop) -> list[UUID]:
    """A place became free: its next takers look at once instead of waiting for the clock."""
    next_ids = queue.waiting_ids(desktop.spec.get("gpu_class", ""))[:1]
    Desktop.objects.filter(id__in=next_ids).update(look_after=Now())
    return next_ids


def _erase(driver: Driver, hold: _Hold) -> None:
    driver.erase(hold.id)
    with transaction.atomic():
        Desktop.objects.select_for_update().get(id=hold.id)
        hold.write(erased_at=timezone.now())
        timeline.append(Desktop.objects.get(id=hold.id), source=Transition.Source.HAND)


def _backoff(attempts: int) -> timedelta:
    return BACKOFF[min(attempts, len(BACKOFF) - 1)]


def _spec(desktop: Desktop) -> DesktopSpec:
    sold = desktop.spec
    gpu = None
    if sold.get("gpu_class"):
        gpu = GpuNeed(
            gpu_class=sold["gpu_class"],
            count=sold["gpu_count"],
            vram_mib=sold["vram_mib"],
            resource=sold["gpu_resource"],
            node_labels=tuple(sorted(sold["gpu_node_labels"].items())),
        )
    return DesktopSpec(
        id=desktop.id,
        tenant=desktop.tenant_id,
        generation=desktop.generation,
        name=desktop.name,
        setup=sold["setup"],
        image=sold["image"],
        cpu_millis=sold["cpu_millis"],
        memory_mib=sold["memory_mib"],
        disk_gib=sold["disk_gib"],
        secret=desktop.secret,
        gpu=gpu,
        apps=tuple(App(name=app["name"], port=app["port"]) for app in sold["apps"]),
    )
