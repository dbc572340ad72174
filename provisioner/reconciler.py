"""The hand: claim → look → decide → act → look again. It looks before it moves.

Each claim is a lease (`lease.py`): every write is guarded by it, and what a dead worker left half
done is found again. Where a driver hears everything, the row is as good as a look for a start
(which finds out by itself what is there already), and nothing is asked again while waiting: the
watch writes down what becomes of it and wakes the hand if there is something to do.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from provisioner import lease, listening, nudge, observer, orders, queue, states, timeline
from provisioner.drivers.base import Driver
from provisioner.errors import DriverError, DriverUnavailable, NoCapacity, SpecRejected
from provisioner.lease import Hold, LeaseLost
from provisioner.models import MAX_ATTEMPTS, Desktop, Transition
from provisioner.states import Act, Desired, Observed

log = logging.getLogger(__name__)

# Attempts are forgotten only once a desktop stayed ready this long, so a machine that dies right
# after becoming ready cannot loop for ever.
SETTLED = timedelta(seconds=120)
PENDING_AGAIN = timedelta(seconds=2)
STOPPING_AGAIN = timedelta(seconds=1)
WAITING_AGAIN = timedelta(seconds=5)
BLIND_AGAIN = timedelta(seconds=5)
# Where news come by themselves, this finds what they should have told and did not.
HEARD_AGAIN = timedelta(seconds=20)
BACKOFF = [timedelta(0), timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=20)]
# stop → start → look is the longest chain of acts that makes sense in one go.
ACTS_AT_ONCE = 4
SWEEP_AT_ONCE = 500


def due(*, limit: int = SWEEP_AT_ONCE, before: datetime | None = None) -> list[UUID]:
    """Whose time has come, the longest waiting first; what dead workers held included."""
    return lease.due(limit=limit, before=before)


def wake(desktop_ids: Collection[UUID]) -> None:
    """Something was seen of these: have done what there is to do."""
    if desktop_ids:
        attend(list(Desktop.objects.filter(id__in=desktop_ids).defer("progress", "spec")))


def attend(desktops: list[Desktop]) -> None:
    """Have done what there is to do with these, as they were just read; let rest what is as
    wanted. A row that a hand works on at this moment is left to it.
    """
    now: list[UUID] = []
    rest: list[Desktop] = []
    freed: Counter[tuple[str, UUID]] = Counter()
    for desktop in desktops:
        act = _act(desktop)
        if desktop.observed == Observed.ABSENT:
            freed[desktop.gpu_class, desktop.tenant_id] += 1
        if desktop.held_by is not None:
            continue
        if act == Act.START and desktop.attempts_generation == desktop.generation:
            lease.postpone(desktop.id, _backoff(desktop.attempts))
            if desktop.attempts == 0:
                now.append(desktop.id)
        elif act == Act.NOTHING:
            rest.append(desktop)
        elif act != Act.WAIT or desktop.look_after is None:
            now.append(desktop.id)
    lease.let_rest([desktop for desktop in rest if desktop.look_after is not None])
    for (gpu_class, tenant_id), count in freed.items():
        now += queue.next_waiters(gpu_class, tenant_id, count=count)
    if now:
        lease.make_due(now)
        nudge.send(dict.fromkeys(now))


def wake_waiters() -> None:
    """Machines came: whoever waits for a card has another look."""
    waiters = queue.all_waiters()
    lease.make_due(waiters)
    nudge.send(waiters)


def reconcile(driver: Driver, desktop_id: UUID) -> None:
    """Bring one desktop closer to what is wanted, if it is due and nobody else has it."""
    hold = lease.claim(desktop_id)
    if hold is None:
        return
    try:
        _work(driver, hold)
    except LeaseLost:
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
    return settle(driver, observer.survey(driver))


def settle(driver: Driver, seen: observer.Survey, *, may_act: bool = True) -> observer.Survey:
    """Do what a look at everything asks for; a watch, which may only look, has it done."""
    wake({*seen.changed, *unsettled()})
    for left in (*seen.ghosts, *seen.orphans):
        if may_act:
            clear(driver, left)
        else:
            nudge.send_clear(left)
    return seen


def clear(driver: Driver, desktop_id: UUID) -> None:
    """Take away a machine that nobody wants."""
    rows = Desktop.objects.filter(id=desktop_id)
    if not rows.exists():
        # No row at all: perhaps the database is an old copy. Free the machine, keep the disk.
        log.error("survey.orphan desktop=%s", desktop_id)
        driver.stop(desktop_id)
    elif rows.filter(erased_at__isnull=False).exists():
        log.warning("survey.ghost desktop=%s", desktop_id)
        driver.erase(desktop_id)


def survey_if_deaf(driver: Driver) -> None:
    """The safety net: all of it where nobody listens, else only what was left undone."""
    if driver.hears_everything and listening.is_fresh():
        wake(unsettled())
    else:
        survey(driver)


def unsettled() -> list[UUID]:
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


def _put_back(hold: Hold) -> None:
    try:
        # Apart from one another, so that a world that comes back is not asked by all at once.
        hold.release(BLIND_AGAIN * random.uniform(0.8, 1.6))  # noqa: S311 - jitter
    except LeaseLost:
        pass


def _work(driver: Driver, hold: Hold) -> None:
    """Look, decide and act until there is something to wait for; then let go."""
    known = driver.hears_everything and _act(hold.desktop) == Act.START
    for _step in range(ACTS_AT_ONCE):
        desktop = hold.desktop if known else _look(driver, hold)
        known = False
        if desktop.attempts and timeline.ready_before_end_s(desktop) >= SETTLED.total_seconds():
            hold.write(attempts=0)
            desktop.attempts = 0
        act = _act(desktop)
        if act == Act.ERASE:
            _erase(driver, hold)
            return
        if act == Act.STOP:
            pause = _stop(driver, desktop)
        elif act == Act.START:
            pause = _start(driver, desktop, hold)
        else:
            hold.release(_rest(driver, desktop))
            return
        if pause is not None:
            unless = Observed.ABSENT if act == Act.STOP else Observed.FAILED
            hold.release(pause, unless=unless)
            return
    hold.release(timedelta(0))


def _look(driver: Driver, hold: Hold) -> Desktop:
    return observer.look(driver, hold.id, tenant=hold.desktop.tenant_id)


def _act(desktop: Desktop) -> Act:
    return states.act(
        Desired(desktop.desired),
        Observed(desktop.observed),
        stale=desktop.stale,
        overdue=desktop.overdue,
        exhausted=desktop.exhausted,
        erased=desktop.erased_at is not None,
    )


def _rest(driver: Driver, desktop: Desktop) -> timedelta | None:
    """When to look again at what needs no act; None: the watch and the survey will notice."""
    heard = driver.hears_everything
    if desktop.observed == Observed.PENDING:
        if heard and desktop.desired == Desired.RUNNING and not desktop.stale:
            driver.start(orders.spec_of(desktop))  # makes whole what a dead worker left half made
        return HEARD_AGAIN if heard else PENDING_AGAIN
    if desktop.observed == Observed.STOPPING:
        return HEARD_AGAIN if heard else STOPPING_AGAIN
    return None


def _start(driver: Driver, desktop: Desktop, hold: Hold) -> timedelta | None:
    again = desktop.attempts_generation == desktop.generation
    spent = desktop.attempts if again else 0
    if spent:  # it was let in already, and keeps its place between attempts
        hold.write(attempts=spent + 1)
    else:
        with queue.turn(desktop) as cause:
            if not cause:
                # Counted before the act, and fenced by it: whoever lost the lease must not
                # start anything.
                hold.write(attempts=1, attempts_generation=desktop.generation)
        if cause:
            observer.explain(desktop.id, cause=cause, detail={})
            return HEARD_AGAIN if driver.hears_everything else WAITING_AGAIN
    try:
        driver.start(orders.spec_of(desktop))
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
    return HEARD_AGAIN if driver.hears_everything else None


def _stop(driver: Driver, desktop: Desktop) -> timedelta | None:
    wanted = desktop.desired == Desired.RUNNING and not desktop.stale
    if wanted and desktop.overdue:
        minutes = settings.ATELIER.start_deadline_s / 60
        observer.explain(desktop.id, cause="desktop_start_timeout", detail={"min": minutes})
    driver.stop(desktop.id, tenant=desktop.tenant_id)
    if driver.hears_everything:
        return HEARD_AGAIN  # its end is told, and `wake` does the rest
    now = observer.look(driver, desktop.id, tenant=desktop.tenant_id)
    if now.observed != Observed.ABSENT:
        return STOPPING_AGAIN
    waiters = queue.next_waiters(desktop.gpu_class, desktop.tenant_id)
    lease.make_due(waiters)
    nudge.send(waiters)
    if wanted and not now.exhausted:
        return _backoff(desktop.attempts)
    return None


def _erase(driver: Driver, hold: Hold) -> None:
    driver.erase(hold.id, tenant=hold.desktop.tenant_id)
    with transaction.atomic():
        Desktop.objects.select_for_update().get(id=hold.id)
        hold.write(erased_at=timezone.now())
        timeline.append(Desktop.objects.get(id=hold.id), source=Transition.Source.HAND)
    hold.release(None)


def _backoff(attempts: int) -> timedelta:
    return BACKOFF[min(attempts, len(BACKOFF) - 1)]
