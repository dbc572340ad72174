"""The gallery, a setup's own page and the picker: what is here, what is not, and what is in it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import translation

from portal.accounts.models import User
from portal.accounts.permissions import Actor
from portal.catalog import presence
from portal.catalog.models import Setup
from portal.catalog.presence import Presence
from portal.desktops import actions
from portal.desktops.refusals import Refused
from provisioner.desktops import Desktop
from tests.portal.desktops.conftest import catalogue, every_nudge_is_lost

__all__ = ["catalogue", "every_nudge_is_lost"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue", "night_train")]
COMMAND = "./dev setups prepare night-train --source FOLDER"


@pytest.fixture
def night_train() -> Setup:
    """A creator's setup with something of everything in it."""
    row = Setup.objects.get(slug="night-train")
    row.webui, row.extends, row.creator = "ComfyUI", "blank", "D. Okafor"
    row.creator_url, row.avatar = "https://okafor.example.org/", "d-okafor.webp"
    row.links = [{"title": "Journal", "url": "https://okafor.example.org/journal"}]
    row.model_files = [
        {
            "title": "Dusk",
            "kind": "checkpoint",
            "file": "dusk.safetensors",
            "url": "https://models.example.org/dusk.safetensors",
            "sha256": "ab" * 32,
            "size_bytes": 6 * 2**30,
            "licence": "CC-BY-4.0",
            "licence_url": "https://licences.example.org/by",
        }
    ]
    row.extensions = [
        {
            "name": "film-grain",
            "url": "https://code.example.org/film-grain",
            "commit": "89abcdef0123456789abcdef0123456789abcdef",
            "licence": "MIT",
        }
    ]
    row.samples = [
        {
            "prompt": "driving west at dusk",
            "prompt_zh": "黄昏向西开",
            "width": 832,
            "height": 480,
            "steps": 30,
            "guidance": 6.5,
            "seed": 51,
        }
    ]
    row.save()
    return row


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Night Train's source was not given to this installation."""
    lacks = Presence(False, COMMAND, "source")
    monkeypatch.setattr(
        presence, "of", lambda row: lacks if row.slug == "night-train" else presence.HERE
    )


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_setups_page_tells_what_is_in_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Launch" not in text(client, "/setups/night-train/"), "its extension was not brought"
    monkeypatch.setattr(presence, "_prepared", lambda *_what: True)
    page = text(client, "/setups/night-train/")
    assert "/static/covers/d-okafor.webp" in page
    assert 'href="https://okafor.example.org/journal" rel="noreferrer nofollow">Journal' in page
    assert re.search(r"Dusk</b> <span[^>]*>model</span>.*?6 GB · <a [^>]*>CC-BY-4\.0</a>", page)
    assert "film-grain" in page and "89abcdef01<" in page
    assert "driving west at dusk" in page
    assert "832 × 480 · 30 steps · guidance 6.5 · seed 51" in page
    assert 'href="/setups/blank/">Blank desktop 1.0</a>' in page
    assert "Launch" in page


def test_the_same_in_chinese(client: Client) -> None:
    client.post("/i18n/setlang/", {"language": "zh-hans"})
    page = text(client, "/setups/night-train/")
    assert "黄昏向西开" in page
    assert "driving west" not in page
    assert "D. Okafor 的提示词" in page


def test_what_is_not_here_says_so_and_cannot_be_launched(client: Client, elsewhere: None) -> None:
    assert "Not on this site yet." in text(client, "/setups/")
    page = text(client, "/setups/night-train/")
    assert "Not on this site yet." in page
    assert "Night Train has to be brought here first by the people who run this site." in page
    assert "setup=night-train" not in page
    assert COMMAND not in page + text(client, "/setups/")
    assert "setup=blank" in text(client, "/setups/blank/")


@pytest.mark.parametrize("address", ["/setups/", "/setups/night-train/"])
def test_operators_are_told_what_to_run(
    client: Client, elsewhere: None, alice: User, olga: User, address: str
) -> None:
    client.force_login(alice)
    assert COMMAND not in text(client, address)
    client.force_login(olga)
    assert COMMAND in text(client, address)


def test_the_picker_shows_it_greyed_and_chooses_another(
    client: Client, elsewhere: None, alice: User
) -> None:
    client.force_login(alice)
    page = text(client, "/desktops/new/?setup=night-train")
    chosen = re.findall(r'<input type="radio" name="setup" value="([\w-]+)"[^>]* checked', page)
    assert chosen == ["blank"]
    assert re.search(r'name="setup" value="night-train"[^>]* disabled', page)
    assert "not on this site yet" in page


def test_a_launch_of_it_is_refused_in_both_languages(
    client: Client, elsewhere: None, alice: User, acting: type[Actor]
) -> None:
    def message() -> str:
        with pytest.raises(Refused) as refused:
            actions.launch(acting(alice), plan="aigc-a4000", setup="night-train")
        assert (refused.value.code, refused.value.field) == ("setup_not_here", "setup")
        return refused.value.message

    assert message() == (
        "Night Train has to be brought here first by the people who run this site."
    )
    with translation.override("zh-hans"):
        assert message() == "「夜车」要先由管理员放到这个站点上。"
    client.force_login(alice)
    form = {"plan": "aigc-a4000", "setup": "night-train"}
    answer = client.post("/desktops/new/", form)
    assert answer.status_code == 422
    assert not Desktop.objects.exists()


def fill(count: int) -> None:
    row = Setup.objects.get(slug="blank")
    for number in range(count):
        row.pk, row.webui = f"more-{number}", "Studio"
        row.title_en = row.title_zh = f"More {number}"
        row.min_vram_mib, row.position = 1024 * number, 50 + number
        row.save(force_insert=True)


def test_many_setups_are_filtered_by_webui_and_memory(client: Client) -> None:
    assert "Show only" not in text(client, "/setups/")
    fill(6)
    page = text(client, "/setups/")
    assert "Show only" in page
    everything = re.findall(r'<li class="[^"]*"><a href="/setups/([\w-]+)/"', page)
    assert len(everything) == 9

    def shown(query: str) -> list[str]:
        page = text(client, f"/setups/{query}")
        return re.findall(r'<li class="[^"]*"><a href="/setups/([\w-]+)/"', page)

    assert shown("?webui=ComfyUI") == ["night-train"]
    assert shown("?webui=Studio") == [f"more-{number}" for number in range(6)]
    assert "giant" not in shown("?memory=16")
    assert "night-train" in shown("?memory=16")
    assert len(shown("?webui=nonsense&memory=many")) == 9, "what is unknown is no filter"
    Setup.objects.filter(slug="night-train").update(min_vram_mib=20 * 1024)
    assert "No setup is both." in text(client, "/setups/?webui=ComfyUI&memory=16")


def test_more_than_seven_can_be_browsed(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "Browse all" not in text(client, "/desktops/new/")
    fill(6)
    assert "Browse all 9" in text(client, "/desktops/new/")


def test_the_front_page_hangs_at_most_six(client: Client) -> None:
    fill(9)
    page = text(client, "/")
    assert len(re.findall(r'<li class="[^"]*"><a href="/setups/([\w-]+)/"', page)) == 6
    assert "All 12 setups" in page
