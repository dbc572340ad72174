"""How fresh what we know of the world is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from provisioner import listening

pytestmark = pytest.mark.django_db


def age(capsys: pytest.CaptureFixture[str]) -> tuple[str, int]:
    with pytest.raises(SystemExit) as ended:
        call_command("watch", "--age")
    return capsys.readouterr().out.strip(), int(ended.value.code or 0)


def test_it_tells_since_when_something_can_have_been_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert age(capsys) == ("nobody listens", 1)
    assert not listening.is_fresh()
    now = timezone.now()
    listening.note(leader="here:1", heard_at=now - timedelta(seconds=5), surveyed_at=now)
    said, code = age(capsys)
    assert 5 <= float(said) < 60
    assert code == 0
    assert listening.is_fresh()
    listening.note(heard_at=now - timedelta(seconds=300))
    said, code = age(capsys)
    assert float(said) >= 300
    assert code == 1
    assert not listening.is_fresh(), "then the clock's survey looks at everything again"
