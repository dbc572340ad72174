"""What lies on a desktop's screen, by pixels alone: inside a desktop everything is a picture."""

from __future__ import annotations

from itertools import accumulate, groupby

from PIL import Image, ImageChops
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from tests.browsing import HEIGHT, WIDTH, inside, picture_of
from tests.running import eventually

PIGMENT = (34, 55, 195)  # of the one button that matters on a page of ours
NEAR = 24  # pictures are lossy
HIGH = range(24, 97)  # rows of a button
Box = tuple[int, int, int, int]


def open_screen(page: Page) -> Page:
    """A desktop in its new tab, whatever it begins with."""
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Open the desktop").click()
    desk = opened.value
    desk.locator("#stream").wait_for()
    inside(desk).locator("canvas").first.wait_for(state="attached")
    return desk


def button_on(desk: Page, *, but_not: Box | None = None, seconds: float = 60) -> Box:
    """Where our button is, once it stays there; `but_not` where another page's was.

    The screen comes in stripes, so its lower end may come later: a button is known by its corner.
    """
    before: Box | None = None

    def stays() -> Box | None:
        nonlocal before
        seen, before = before, _button(desk)
        return seen if seen == before and seen and seen[:2] != (but_not or ())[:2] else None

    found = eventually(stays, seconds=seconds, what="a button on the screen")
    assert found is not None
    return found


def press(desk: Page, box: Box) -> None:
    left, top, right, bottom = box
    desk.mouse.click((left + right) / 2, (top + bottom) / 2)


def vivid(desk: Page, box: Box) -> float:
    """The share of strong colours: a page has next to none, the practice model little else."""
    strength = picture_of(desk, box).convert("HSV").getchannel("S").histogram()
    return sum(strength[100:]) / sum(strength)


def _button(desk: Page) -> Box | None:
    """Where rows one below the other hold much of our colour; lines and letters do not count."""
    try:
        picture = picture_of(desk, (0, 0, WIDTH, HEIGHT))
    except PlaywrightError:  # no picture can be taken while one page makes way for the next
        return None
    away = ImageChops.difference(picture, Image.new("RGB", picture.size, PIGMENT))
    red, green, blue = away.split()
    furthest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    ours = furthest.point([255 if far <= NEAR else 0 for far in range(256)])
    much = [ours.crop((0, y, WIDTH, y + 1)).histogram()[255] > 100 for y in range(HEIGHT)]
    runs = [(is_ours, len(list(run))) for is_ours, run in groupby(much)]
    ends = list(accumulate(length for _is_ours, length in runs))
    for (is_ours, length), bottom in zip(runs, ends, strict=True):
        if is_ours and length in HIGH:
            columns = ours.crop((0, bottom - length, WIDTH, bottom)).getbbox()
            assert columns is not None
            return columns[0], bottom - length, columns[2], bottom
    return None
