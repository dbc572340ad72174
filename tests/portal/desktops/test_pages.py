"""The pages: for every status, in both languages, for those who may and those who may not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import Membership, Role, Tenant, User
from provisioner.desktops import Desktop
from tests.portal.desktops.conftest import Make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

LIST = "/desktops/"
NEW = "/desktops/new/"
STATUSES = {
    "queued": ("Queued", "排队中"),
    "starting": ("Starting", "启动中"),
    "running": ("Running", "运行中"),
    "stopping": ("Stopping", "停止中"),
    "stopped": ("Stopped", "已停止"),
    "failed": ("Failed", "启动失败"),
    "deleting": ("Deleting", "删除中"),
}


@pytest.fixture
def at(client: Client, alice: User) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


def page(client: Client, url: str, *, status: int = 200, language: str = "en") -> str:
    response = client.get(url, headers={"Accept-Language": language})
    assert response.status_code == status
    return response.content.decode()


def of(desktop: Desktop, verb: str = "detail") -> str:
    return reverse(f"desktops:{verb}", args=[desktop.id])


# --- Every status, both languages ---------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(("language", "which"), [("en", 0), ("zh-hans", 1)])
def test_it_shows_every_status_on_its_page_and_in_the_list(
    make: Make, at: Client, alice: User, status: str, language: str, which: int
) -> None:
    desktop = make(alice.personal_tenant, status)
    for html in (page(at, of(desktop), language=language), page(at, LIST, language=language)):
        assert STATUSES[status][which] in html
        assert "Rainy crossing" in html
        assert ("Night Train", "夜车")[which] in html
        assert not re.search(r"\bstyle=|\bon(click|submit|load)=", html)


def test_a_failed_start_says_what_why_and_what_next(make: Make, at: Client, alice: User) -> None:
    html = page(at, of(make(alice.personal_tenant, "failed")))
    assert "The setup could not be fetched." in html
    assert "Night Train 0.6 was not found in its store." in html
    assert "Nothing was charged." in html
    assert "Try again" in html
    assert "manifest unknown" in html  # the owner reads the technical lines


def test_members_do_not_see_the_technical_lines(
    make: Make, client: Client, bob: User, team: Tenant
) -> None:
    desktop = make(team, "failed")
    enter(client, bob, team)
    html = page(client, of(desktop))
    assert "The setup could not be fetched." in html
    assert "manifest unknown" not in html


def enter(client: Client, user: User, tenant: Tenant) -> None:
    client.force_login(user)
    session = client.session
    session["tenant"] = str(tenant.id)
    session.save()


def test_a_running_page_opens_in_a_new_tab_and_says_what_is_not_limited(
    make: Make, at: Client, alice: User
) -> None:
    desktop = make(alice.personal_tenant, "running")
    html = page(at, of(desktop))
    assert "Open the desktop" in html
    assert 'target="_blank"' in html
    assert "Not isolated: one trusted tenant." in html
    assert "This machine could not limit: memory, network." in html
    assert "Preview: nothing is charged." in html


def test_the_billing_role_sees_no_buttons(
    make: Make, client: Client, bob: User, team: Tenant
) -> None:
    Membership.objects.filter(user=bob, tenant=team).update(role=Role.BILLING)
    desktop = make(team, "running")
    enter(client, bob, team)
    for html in (page(client, of(desktop)), page(client, LIST)):
        assert of(desktop, "stop") not in html
        assert "/open/" not in html
    page(client, NEW, status=403)
    assert client.post(of(desktop, "stop")).status_code == 403


# --- Who sees what ------------------------------------------------------------------------------


def test_strangers_get_404_for_every_address(
    make: Make, client: Client, alice: User, charlie: User
) -> None:
    desktop = make(alice.personal_tenant, "running")
    client.force_login(charlie)
    page(client, of(desktop), status=404)
    for verb in ("start", "stop", "delete", "rename"):
        answer = client.post(of(desktop, verb), {"name": desktop.name})
        assert answer.status_code == 404
    assert "Rainy crossing" not in page(client, LIST)
    desktop.refresh_from_db()
    assert (desktop.desired, desktop.name) == ("running", "Rainy crossing")


def test_visitors_are_asked_to_log_in(client: Client) -> None:
    for url in (LIST, NEW):
        answer = client.get(url)
        assert answer.status_code == 302
        assert "login" in answer["Location"]


# --- The list -----------------------------------------------------------------------------------


def test_an_empty_wall_offers_setups_that_fit(at: Client) -> None:
    html = page(at, LIST)
    assert "Nothing on the wall yet." in html
    assert "Launch Night Train" in html
    assert "Launch Giant" not in html  # no plan carries it


def test_the_list_asks_as_much_for_ten_as_for_two(
    make: Make,
    at: Client,
    alice: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def fill(count: int) -> None:
        for number in range(count):
            status = list(STATUSES)[number % 6]
            make(alice.personal_tenant, status, name=f"{status} {number} of {count}")

    fill(2)
    with django_assert_max_num_queries(60) as few:
        page(at, LIST)
    fill(10)
    with django_assert_max_num_queries(len(few.captured_queries) + 2):
        page(at, LIST)


# --- Launching ----------------------------------------------------------------------------------


def choice(html: str, plan: str) -> str:
    found = re.search(rf'<input type="radio" name="plan" value="{plan}"[^>]*>', html)
    assert found
    return found[0]


def test_plans_that_do_not_fit_say_so_before_anyone_presses(at: Client) -> None:
    html = page(at, NEW + "?setup=night-train")
    assert "disabled" in choice(html, "files")
    assert "Night Train needs 14 GB of video memory. This plan has no graphics card." in html
    assert "disabled" not in choice(html, "aigc-a4000")
    assert "checked" in choice(html, "aigc-a4000")
    assert "needs 14 GB, leaves 2 GB" in html


def test_the_launch_page_shows_prices_stock_and_that_nothing_is_charged(at: Client) -> None:
    html = page(at, NEW)
    for words in ("¥1.98", "¥0.000550", "¥0.60", "Preview: nothing is charged.", "free of"):
        assert words in html
    assert "每小时" in page(at, NEW, language="zh-hans")


def test_launching_leads_to_the_desktops_page(at: Client, alice: User) -> None:
    answer = at.post(NEW, {"setup": "blank", "plan": "files", "name": "Ink studies"})
    desktop = Desktop.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == of(desktop)
    assert (desktop.tenant, desktop.name) == (alice.personal_tenant, "Ink studies")


def test_a_double_press_launches_once(at: Client) -> None:
    html = page(at, NEW)
    once = re.search(r'name="once" value="([^"]+)"', html)
    assert once
    form = {"setup": "blank", "plan": "files", "name": "", "once": once[1]}
    first, second = at.post(NEW, form), at.post(NEW, form)
    assert first["Location"] == second["Location"]
    assert Desktop.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"plan": "files", "setup": "night-train"}, "This plan has no graphics card."),
        ({"plan": ""}, "Choose a plan."),
        ({"plan": "aigc-9000"}, "This plan is not offered."),
        ({"name": "x" * 61}, "The name has 61 characters; 60 is the most."),
    ],
)
def test_a_form_with_a_mistake_comes_back_as_it_was(
    at: Client, wrong: dict[str, str], message: str
) -> None:
    form = {"plan": "files", "setup": "blank", "name": "Kept as typed"} | wrong
    answer = at.post(NEW, form)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "Nothing was launched." in html
    assert message in html
    assert f'value="{form["name"]}"' in html
    assert not Desktop.objects.exists()


# --- Verbs --------------------------------------------------------------------------------------


def test_stop_start_and_back_to_where_the_button_was(make: Make, at: Client, alice: User) -> None:
    desktop = make(alice.personal_tenant, "running")
    assert at.post(of(desktop, "stop"))["Location"] == of(desktop)
    assert at.post(of(desktop, "stop"))["Location"] == of(desktop)
    assert at.post(of(desktop, "start"), {"back": "list"})["Location"] == LIST
    desktop.refresh_from_db()
    assert (desktop.desired, desktop.generation) == ("running", 2)
    assert at.get(of(desktop, "stop")).status_code == 405


def test_it_deletes_only_when_the_name_is_typed(make: Make, at: Client, alice: User) -> None:
    desktop = make(alice.personal_tenant, "stopped")
    answer = at.post(of(desktop, "delete"), {"name": "rainy crossing"})
    assert answer.status_code == 422
    assert "Nothing was deleted." in answer.content.decode()
    desktop.refresh_from_db()
    assert desktop.desired == "stopped"
    assert at.post(of(desktop, "delete"), {"name": " Rainy crossing "})["Location"] == LIST
    desktop.refresh_from_db()
    assert desktop.desired == "deleted"


def test_the_typed_confirmation_is_there_without_scripts(
    make: Make, at: Client, alice: User
) -> None:
    desktop = make(alice.personal_tenant, "stopped")
    html = page(at, of(desktop) + "?delete=1")
    assert re.search(r'<dialog id="delete" open', html)


def test_renaming_keeps_what_was_typed_when_it_is_refused(
    make: Make, at: Client, alice: User
) -> None:
    make(alice.personal_tenant, "stopped", name="Ink studies")
    desktop = make(alice.personal_tenant, "running")
    answer = at.post(of(desktop, "rename"), {"name": "Ink studies"})
    assert answer.status_code == 422
    assert "already have a desktop called" in answer.content.decode()
    assert at.post(of(desktop, "rename"), {"name": "Day crossing"})["Location"] == of(desktop)
    desktop.refresh_from_db()
    assert desktop.name == "Day crossing"


def test_names_are_text_not_markup(make: Make, at: Client, alice: User) -> None:
    desktop = make(alice.personal_tenant, "running", name="<b>bold</b>")
    for html in (page(at, of(desktop)), page(at, LIST)):
        assert "<b>bold</b>" not in html
        assert "&lt;b&gt;bold&lt;/b&gt;" in html


def test_the_mark_of_a_part_does_not_change_with_the_clock(
    make: Make, at: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop = make(alice.personal_tenant, "starting")

    def marks() -> list[str]:
        return re.findall(r'data-part="(\w+)" data-mark="(\w+)"', page(at, of(desktop)))

    now = timezone.now()
    before = marks()
    assert len(before) == 8
    monkeypatch.setattr("django.utils.timezone.now", lambda: now + timedelta(seconds=3))
    assert marks() == before
