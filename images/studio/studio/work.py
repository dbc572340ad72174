"""One person's work: from what they wish to pictures on disk, told step by step. No page in it."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio import models, pictures, translating, words
from studio.painter import Cancelled, CannotPaint, Painter, Step, seconds
from studio.pictures import Wish
from studio.places import Creator, Places, creator

FIELDS = ("prompt", "negative", "size", "model", "steps", "guidance", "seed")
SIZES = {
    "square": (512, 512),
    "portrait": (512, 768),
    "landscape": (768, 512),
    "large": (1024, 1024),
    "tiny": (256, 256),
}


@dataclass
class Studio:
    """The page's own state; one person works in it."""

    places: Places
    painter: Painter
    about: Creator
    stop: threading.Event

    @classmethod
    def at(cls, places: Places) -> Studio:
        return cls(places, Painter(places.setup), creator(places), threading.Event())

    def first(self) -> Wish:
        return pictures.wish_of(self.about.settings, Wish(prompt=""))

    def choices(self, language: str) -> list[tuple[str, str]]:
        found = models.find(self.places).models
        return [
            (words.said("practice", language) if model.practice else model.name, model.name)
            for model in found
        ]

    def samples(self, language: str) -> list[str]:
        """What the creator would begin with, in words to choose by."""
        chinese = words.is_chinese(language)
        return [
            (chinese and said.get("prompt_zh")) or said["prompt"] for said in self.about.samples
        ]

    def advice(self, language: str) -> str:
        """What to do about models; empty when all is well."""
        found, lines = models.find(self.places), []
        if not found.models:
            lines.append(words.said("no_model", language))
        elif all(model.practice for model in found.models):
            lines.append(words.said("only_practice", language))
        if found.refused:
            names = ", ".join(models.shown(Path(path.name)) for path in found.refused)
            lines.append(words.said("refused", language, names=names))
        return "\n\n".join(lines)

    def device(self, language: str) -> str:
        if not self.painter.warm:
            return words.said("warming", language)
        device = self.painter.device
        if device.name == "cpu":
            return words.said("on_cpu", language)
        memory = f"{device.memory_mib / 1024:.0f}"
        return words.said("on_card", language, card=device.title, memory=memory)

    def paint(self, wish: Wish, count: int, language: str) -> Iterator[tuple[list[Path], str]]:
        """The pictures so far, and how it stands; many times."""
        model = models.find(self.places).named(wish.model)
        problem = wish.problem()
        if problem or model is None:
            yield [], words.said(f"bad_{problem}" if problem else "no_model", language)
            return
        meant = [translating.translate(text) for text in (wish.prompt, wish.negative)]
        note = _note(meant, language)
        inside = replace(wish, prompt=meant[0].text, negative=meant[1].text)
        if not inside.prompt.strip():
            yield [], note
            return
        self.stop.clear()
        made: list[Path] = []
        for number in range(1, count + 1):
            seed = wish.seed if wish.seed < 0 else (wish.seed + number - 1) % 2**32
            began_s = seconds()
            for told in self._one(replace(inside, seed=seed), model):
                if isinstance(told, Path):
                    made.append(told)
                    took = f"{seconds() - began_s:.1f}"
                    said = words.said("done", language, seconds=took, name=told.name)
                    yield list(reversed(made)), _lines(said, note)
                elif isinstance(told, Exception):
                    yield list(reversed(made)), _lines(_failure(told, language), note)
                    return
                else:
                    yield (
                        list(reversed(made)),
                        _lines(_progress(told, number, count, language), note),
                    )

    def _one(self, wish: Wish, model: models.Model) -> Iterator[Step | Path | Exception]:
        """One picture in a thread of its own, so that this one can tell how it goes."""
        said: queue.SimpleQueue[Step | Path | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                image, used = self.painter.paint(wish, model, said.put, self.stop)
                said.put(pictures.save(image, used, self.places.outputs))
            except Exception as error:
                said.put(error)

        threading.Thread(target=work, name="painting", daemon=True).start()
        while True:
            told = said.get()
            while isinstance(told, Step):
                with suppress(queue.Empty):
                    told = said.get_nowait()  # only the latest step is worth showing
                    continue
                break
            yield told
            if not isinstance(told, Step):
                return


def _note(meant: list[translating.Translated], language: str) -> str:
    lines = []
    if meant[0].changed and meant[0].text:
        lines.append(words.said("translated", language, text=meant[0].text))
    if unknown := [word for each in meant for word in each.unknown]:
        lines.append(words.said("unknown", language, words="、".join(unknown)))
    return "\n\n".join(lines)


def _progress(step: Step, number: int, count: int, language: str) -> str:
    if step.phase == "loading":
        return words.said("loading", language)
    key = "painting" if count == 1 else "painting_many"
    values = {"done": step.done, "total": step.total, "number": number, "count": count}
    return words.said(key, language, **values)


def _failure(error: Exception, language: str) -> str:
    if isinstance(error, Cancelled):
        return words.said("stopped", language)
    if isinstance(error, CannotPaint):
        return f"{words.said(error.reason, language)}\n\n`{error.detail[:300]}`"
    if isinstance(error, OSError):
        return words.said("disk_full", language, detail=error.strerror or str(error))
    return f"{words.said('broken', language)}\n\n`{error!r}`"


def _lines(*lines: str) -> str:
    return "\n\n".join(line for line in lines if line)


def wish_from(values: Sequence[Any]) -> Wish:
    """What the fields say, in the order of FIELDS; one that was emptied means what is usual."""
    said = dict(zip(FIELDS, values, strict=True))
    width, height = sides_of(said.pop("size") or "square")
    usual = Wish(prompt="", width=width, height=height)
    kinds = {"steps": int, "guidance": float, "seed": int}
    given = {
        name: kinds.get(name, str)(value) for name, value in said.items() if value is not None
    }
    return replace(usual, **given)


def size_of(wish: Wish) -> str:
    """The name of its size; of one that has none, the numbers."""
    sides = (wish.width, wish.height)
    named = (name for name, known in SIZES.items() if known == sides)
    return next(named, f"{wish.width} × {wish.height}")


def sides_of(size: str) -> tuple[int, int]:
    """Of a size by name, or as somebody wrote it; nothing by nothing when it says none."""
    written = re.search(r"(\d{1,5})\s*[xX×*]\s*(\d{1,5})", size)
    return SIZES.get(size) or ((int(written[1]), int(written[2])) if written else (0, 0))
