"""One person's work: what is told while it paints, what is refused, and what lies on disk then."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image
from studio import pictures, work
from studio.models import Model
from studio.painter import Cancelled, CannotPaint, Device, Step
from studio.pictures import Wish
from studio.places import Creator, Places
from studio.work import Studio

WISH = Wish("a cat", model="mine", seed=5, steps=2, width=64, height=64)


@dataclass
class Brush:
    """Paints at once, and remembers what was asked of it."""

    warm: bool = True
    device: Device = field(default_factory=lambda: Device("cpu"))
    asked: list[tuple[Wish, str]] = field(default_factory=list)
    fails: Exception | None = None

    def paint(
        self, wish: Wish, model: Model, tell: Callable[[Step], None], stop: threading.Event
    ) -> tuple[Image.Image, Wish]:
        self.asked.append((wish, model.name))
        tell(Step("painting", 1, wish.steps))
        if stop.is_set():
            raise Cancelled
        if self.fails:
            raise self.fails
        return Image.new("RGB", (wish.width, wish.height)), wish


@pytest.fixture
def brush() -> Brush:
    return Brush()


@pytest.fixture
def studio(places: Places, brush: Brush) -> Studio:
    (places.own_models / "checkpoints" / "mine.safetensors").touch()
    return Studio(places, brush, Creator(), threading.Event())  # type: ignore[arg-type]


def told(studio: Studio, wish: Wish, count: int = 1, language: str = "en") -> tuple[Any, ...]:
    """What was said last."""
    *_before, (made, line) = studio.paint(wish, count, language)
    return made, line


def test_a_picture_is_saved_with_what_was_meant(studio: Studio, brush: Brush) -> None:
    made, line = told(studio, Wish("猫，鑫", negative="模糊", model="mine", seed=5))
    assert [path.parent for path in made] == [studio.places.outputs]
    assert re.match(rf"Done in \d+\.\d s\. Saved as {re.escape(made[0].name)}\.", line)
    assert "Painted with these words: cat" in line
    assert "left out: 鑫." in line
    assert brush.asked[0][0].prompt == "cat"
    assert pictures.made_of(made[0]) == Wish("cat", "blurry", "mine", seed=5)


def test_several_have_seeds_of_their_own_and_the_newest_comes_first(
    studio: Studio, brush: Brush
) -> None:
    made, _line = told(studio, Wish("a cat", model="mine", seed=2**32 - 1), count=3)
    assert [wish.seed for wish, _model in brush.asked] == [2**32 - 1, 0, 1]
    assert [path.stem.rsplit("-", 1)[-1] for path in made] == ["1", "0", str(2**32 - 1)]
    studio.painter.asked.clear()  # type: ignore[attr-defined]
    told(studio, Wish("a cat", model="mine"), count=2)
    assert [wish.seed for wish, _model in brush.asked] == [-1, -1], "the painter takes new ones"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish(" ", model="mine"), "Write what you want to see first."),
        (Wish("鑫", model="mine"), "These words are not in the glossary"),
        (Wish("a cat", model="mine", width=100), "Width and height are multiples of 8"),
        (Wish("a cat", model="mine", steps=0), "Steps are from 1 to 150."),
        (Wish("a cat", model="mine", seed=-2), "The seed is a number"),
        (Wish("a cat", model="gone"), "There is no model here."),
    ],
    ids=["nothing", "nothing known", "size", "steps", "seed", "model"],
)
def test_what_cannot_be_painted_is_said_and_not_tried(
    studio: Studio, brush: Brush, wish: Wish, said: str
) -> None:
    made, line = told(studio, wish)
    assert (made, brush.asked) == ([], [])
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CannotPaint("vram_out", "CUDA out of memory"), "显存不足"),
        (CannotPaint("unreadable", "bad header"), "无法读取这个模型"),
        (OSError(28, "No space left on device"), "无法保存：No space left on device"),
        (Cancelled(), "已停下。"),
        (ZeroDivisionError("x"), "这张画没能画出来。\n\n`ZeroDivisionError('x')`"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_a_failure_is_worded_and_ends_the_row(
    studio: Studio, brush: Brush, error: Exception, said: str
) -> None:
    brush.fails = error
    made, line = told(studio, WISH, count=3, language="zh-CN")
    assert line.startswith(said)
    assert (made, len(brush.asked)) == ([], 1)
    assert list(studio.places.outputs.iterdir()) == []


def test_stop_ends_what_is_being_painted_and_not_the_next(studio: Studio) -> None:
    lines = studio.paint(WISH, 4, "")
    while not next(lines)[0]:  # until the first picture
        pass
    studio.stop.set()
    *_before, (made, line) = lines
    assert (len(made), line) == (1, "Stopped.")
    made, line = told(studio, WISH)
    assert line.startswith("Done")


def test_it_says_how_far_it_is() -> None:
    assert work._progress(Step("loading"), 1, 1, "") == "Reading the model"
    assert work._progress(Step("painting", 3, 20), 1, 1, "") == "Painting, step 3 of 20"
    assert work._progress(Step("painting", 3, 20), 2, 4, "zh") == "第 2 / 4 张，第 3 / 20 步"


def test_advice_about_models(studio: Studio) -> None:
    assert studio.advice("") == ""
    own = studio.places.own_models / "checkpoints"
    (own / "mine.safetensors").rename(own / "mine.ckpt")
    lines = studio.advice("").split("\n\n")
    assert lines[0].startswith("There is no model here.")
    assert lines[1].startswith("Not offered, because such files can run a program")
    assert "mine.ckpt" in lines[1]
    practice = studio.places.setup / "models" / "checkpoints" / "practice"
    practice.mkdir()
    (practice / "model_index.json").write_text("{}")
    assert studio.advice("zh").startswith("还没有真正的模型，只有练习用的。")
    assert studio.choices("zh") == [("练习模型（只会画彩色噪点）", "practice")]


def test_it_says_what_it_paints_on(studio: Studio, brush: Brush) -> None:
    assert studio.device("").startswith("There is no graphics card here")
    brush.device = Device("cuda", "NVIDIA H200", 24 * 1024)
    assert studio.device("") == "Paints on NVIDIA H200, 24 GB of video memory."
    brush.warm = False
    assert studio.device("").startswith("Warming up.")


def test_a_creators_settings_and_samples(studio: Studio) -> None:
    samples = ({"prompt": "ink hills", "prompt_zh": "水墨山峦"}, {"prompt": "a pine"})
    studio.about = Creator("Mo Bai", {"width": 832, "steps": 200, "extra": 1}, samples)
    assert studio.first() == Wish("", width=832, steps=150)
    assert studio.samples("en") == ["ink hills", "a pine"]
    assert studio.samples("zh-CN") == ["水墨山峦", "a pine"]


# --- The fields of the page -------------------------------------------------------------------


def test_fields_become_a_wish() -> None:
    values = ["a cat", "blurry", "portrait", "mine", 24.0, 7, 5.0]
    wish = work.wish_from(values)
    assert wish == Wish("a cat", "blurry", "mine", 512, 768, steps=24, guidance=7.0, seed=5)
    assert [type(number) for number in (wish.steps, wish.guidance, wish.seed)] == [int, float, int]


def test_an_emptied_field_means_what_is_usual() -> None:
    assert work.wish_from([None] * len(work.FIELDS)) == Wish("")


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ("tiny", (256, 256)),
        ("832x1216", (832, 1216)),
        ("832 × 1216", (832, 1216)),
        ("Landscape 768 × 512", (768, 512)),  # as the page words it
        ("wide", (0, 0)),
    ],
)
def test_sizes_by_name_and_as_people_write_them(size: str, sides: tuple[int, int]) -> None:
    assert work.sides_of(size) == sides


def test_every_size_has_a_name_that_leads_back() -> None:
    for sides in [*work.SIZES.values(), (832, 1216)]:
        wish = Wish("", width=sides[0], height=sides[1])
        assert work.sides_of(work.size_of(wish)) == sides
    assert work.size_of(Wish("", width=256, height=256)) == "tiny"
    assert work.wish_from(["a cat", "", "wide", "mine", 20, 7, 5]).problem() == "width"
