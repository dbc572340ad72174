"""Paints: one picture after the other, with one model in memory, on the card or the processor.

torch and diffusers are imported in the background once the page is up (`warm_up`): they take
seconds, and nobody should look at an empty tab for that long.
"""

from __future__ import annotations

import importlib.util
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from studio.models import Model
from studio.pictures import Wish

# A single file does not say how the model is built; these, where they are, do, by what is in it.
CONFIGS = "configs"


class Cancelled(Exception):
    """Somebody wanted it to stop."""


class CannotPaint(Exception):
    """`reason` is a key of the page's words; `detail` is technical."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Step:
    """How far it is."""

    phase: str  # "loading" or "painting"
    done: int = 0
    total: int = 0


Tell = Callable[[Step], None]


@dataclass(frozen=True)
class Device:
    name: str  # "cuda" or "cpu"
    title: str = ""
    memory_mib: int = 0


class Painter:
    def __init__(self, setup: Path) -> None:
        self._setup = setup
        self._pipeline: Any = None
        self._model: Model | None = None
        self._one = threading.Lock()  # one picture at a time
        self._warm = threading.Event()
        self._problem = ""
        self.device = Device("cpu")

    def warm_up(self) -> None:
        threading.Thread(target=self._import, name="warm-up", daemon=True).start()

    @property
    def warm(self) -> bool:
        return self._warm.is_set()

    def until_warm(self) -> None:
        self._warm.wait()

    def paint(
        self, wish: Wish, model: Model, tell: Tell, stop: threading.Event
    ) -> tuple[Image.Image, Wish]:
        """The picture, and the wish with the seed that was used. Cancelled, CannotPaint."""
        if wish.seed < 0:
            wish = replace(wish, seed=random.SystemRandom().randrange(2**32))
        tell(Step("loading"))
        self.until_warm()
        if self._problem:
            raise CannotPaint("broken", self._problem)
        with self._one:
            if stop.is_set():
                raise Cancelled
            pipeline = self._with(model)
            try:
                return self._run(pipeline, wish, tell, stop), replace(wish, model=model.name)
            except (RuntimeError, ValueError, OSError) as error:
                raise self._worded(error) from error

    # --- What it takes --------------------------------------------------------------------------

    def _import(self) -> None:
        try:
            import diffusers
            import torch

            # The largest part of it is imported when it is first asked for.
            assert diffusers.StableDiffusionPipeline and diffusers.StableDiffusionXLPipeline
            diffusers.utils.logging.disable_progress_bar()
            if torch.cuda.is_available():
                about = torch.cuda.get_device_properties(0)
                self.device = Device("cuda", about.name, int(about.total_memory >> 20))
        except Exception as error:
            self._problem = repr(error)
        finally:
            self._warm.set()

    def _with(self, model: Model) -> Any:
        if self._model == model:
            return self._pipeline
        # Before the next is read: two do not fit on most cards.
        self._pipeline, self._model = None, None
        self._tidy()
        try:
            pipeline = self._folder(model) if model.kind == "folder" else self._file(model)
        except Exception as error:
            raise CannotPaint("unreadable", repr(error)) from error
        pipeline.set_progress_bar_config(disable=True)
        try:
            self._pipeline = pipeline.to(self.device.name)
        except RuntimeError as error:
            raise self._worded(error) from error
        self._model = model
        return self._pipeline

    def _folder(self, model: Model) -> Any:
        import diffusers

        return diffusers.DiffusionPipeline.from_pretrained(
            str(model.path), dtype=self._dtype(), use_safetensors=True, safety_checker=None
        )

    def _file(self, model: Model) -> Any:
        import diffusers
        from safetensors import safe_open

        with safe_open(str(model.path), "pt") as file:
            names = set(file.keys())
        large = any(name.startswith("conditioner.embedders.1.") for name in names)
        kind = diffusers.StableDiffusionXLPipeline if large else diffusers.StableDiffusionPipeline
        config = self._setup / "models" / CONFIGS / ("sdxl" if large else "sd15")
        known = {"config": str(config)} if config.is_dir() else {}
        return kind.from_single_file(str(model.path), dtype=self._dtype(), **known)

    def _dtype(self) -> Any:
        import torch

        return torch.float16 if self.device.name == "cuda" else torch.float32

    def _run(self, pipeline: Any, wish: Wish, tell: Tell, stop: threading.Event) -> Image.Image:
        import torch

        tell(Step("painting", 0, wish.steps))

        def after_step(_pipeline: Any, step: int, _time: Any, values: dict[str, Any]) -> Any:
            if stop.is_set():
                raise Cancelled
            tell(Step("painting", step + 1, wish.steps))
            return values

        # On the processor, whatever paints: the same seed gives the same picture everywhere.
        generator = torch.Generator("cpu").manual_seed(wish.seed)
        with torch.inference_mode():
            made = pipeline(
                prompt=wish.prompt,
                negative_prompt=wish.negative or None,
                width=wish.width,
                height=wish.height,
                num_inference_steps=wish.steps,
                guidance_scale=wish.guidance,
                generator=generator,
                callback_on_step_end=after_step,
            )
        image: Image.Image = made.images[0]
        return image

    def _worded(self, error: Exception) -> CannotPaint:
        short = "out of memory" in str(error).lower()
        self._tidy()
        return CannotPaint("vram_out" if short else "broken", str(error))

    def _tidy(self) -> None:
        import gc

        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def quiet_environment() -> None:
    """Before gradio and diffusers are imported: nothing is asked of anybody."""
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
        GRADIO_SSR_MODE="False",
    )
    # Where nothing else compiles, its cache would be looked for in vain.
    if importlib.util.find_spec("torch") is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", f"/tmp/inductor-{os.getuid()}")  # noqa: S108


def seconds() -> float:
    return time.monotonic()
