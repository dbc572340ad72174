"""What people see: words on the left, the picture on the right, everything they made below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from studio import pictures, words
from studio.pictures import GUIDANCE, STEPS, Wish
from studio.work import FIELDS, SIZES, Studio, size_of, wish_from

SHOWN = 24  # pictures of the gallery
MOST_AT_ONCE = 4
COLOURS = gr.themes.Color(
    c50="#eef0fb", c100="#e5e8f8", c200="#cdd4ef", c300="#a3b0e6", c400="#6f81d9",
    c500="#3f53cc", c600="#2237c3", c700="#1b2a98", c800="#16227a", c900="#111a5c", c950="#0a0f24",
)  # fmt: skip
PAPER = gr.themes.Color(
    c50="#fdfbf7", c100="#f4f0e8", c200="#dfd8cb", c300="#c9c0b0", c400="#8e8576", c500="#6b6358",
    c600="#574f45", c700="#3a352d", c800="#2b303c", c900="#171a22", c950="#0e1016",
)  # fmt: skip


def theme() -> Any:
    fonts = ["Instrument Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
    return gr.themes.Base(
        primary_hue=COLOURS,
        secondary_hue=COLOURS,
        neutral_hue=PAPER,
        radius_size=gr.themes.sizes.radius_sm,
        font=fonts,
        font_mono=["monospace"],
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        block_background_fill="*neutral_50",
        block_background_fill_dark="*neutral_900",
        input_background_fill_dark="*neutral_800",
        button_secondary_background_fill_dark="*neutral_800",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="#87a3ff",
        button_primary_text_color="#fdfbf7",
        button_primary_text_color_dark="#0a0f24",
    )


@dataclass(frozen=True)
class Parts:
    """What of the page is read or written later."""

    fields: list[Any]  # as `work.wish_from` takes them
    count: Any
    advice: Any
    again: Any
    paint: Any
    stop: Any
    result: Any
    told: Any


def build(studio: Studio) -> tuple[gr.Blocks, gr.I18n]:
    """The page; gradio's own server need not run."""
    i18n = gr.I18n(**words.languages())
    with gr.Blocks(title="Studio", analytics_enabled=False, fill_width=True) as page:
        gr.Markdown(i18n("title"), elem_id="mark")
        device = gr.Markdown(i18n("warming"), elem_id="device")  # words, or all below would jump
        with gr.Row(equal_height=False):
            parts = _form(i18n, studio.first())
        samples = _examples(studio, parts.fields)
        kept = _gallery(i18n("pictures"), "kept", columns=6, height="auto")
        paths, chosen = gr.State([]), gr.State(-1)
        use = gr.Button(i18n("use"), size="sm", elem_id="use")
        _wire(studio, page, parts, Seen(device, samples, kept, paths, chosen, use))
    return page, i18n


@dataclass(frozen=True)
class Seen:
    device: Any
    samples: Any  # of the creator
    kept: Any  # gallery of all pictures
    paths: Any
    chosen: Any
    use: Any


def _form(i18n: gr.I18n, first: Wish) -> Parts:
    with gr.Column(scale=5):
        prompt = gr.Textbox(
            label=i18n("prompt"), placeholder=i18n("prompt_hint"), lines=3, elem_id="prompt"
        )
        # Before all that can be left as it is: on a small screen the rest lies below the fold.
        with gr.Row():
            paint = gr.Button(i18n("paint"), variant="primary", scale=3, elem_id="paint")
            stop = gr.Button(i18n("stop"), scale=1, elem_id="stop")
        negative = gr.Textbox(
            first.negative, label=i18n("negative"), placeholder=i18n("negative_hint"), lines=1
        )
        sizes = [(i18n(name), name) for name in SIZES]
        size = gr.Dropdown(
            sizes,
            value=size_of(first),
            label=i18n("size"),
            info=i18n("size_info"),
            allow_custom_value=True,
            elem_id="size",
        )
        model = gr.Dropdown([], label=i18n("model"), elem_id="model")
        advice = gr.Markdown(elem_id="advice")
        again = gr.Button(i18n("refresh"), size="sm", elem_id="again")
        with gr.Accordion(i18n("more"), open=False):
            steps = gr.Slider(
                *STEPS, first.steps, step=1, label=i18n("steps"), info=i18n("steps_info")
            )
            guidance = gr.Slider(*GUIDANCE, first.guidance, step=0.5, label=i18n("guidance"))
            seed = gr.Number(first.seed, precision=0, label=i18n("seed"), info=i18n("seed_info"))
            count = gr.Slider(1, MOST_AT_ONCE, 1, step=1, label=i18n("count"))
    with gr.Column(scale=7):
        result = _gallery(i18n("result"), "result", columns=2, height=480)
        told = gr.Markdown(elem_id="told")
    fields = [prompt, negative, size, model, steps, guidance, seed]
    return Parts(fields, count, advice, again, paint, stop, result, told)


def _gallery(label: Any, id: str, *, columns: int, height: int | str) -> Any:
    return gr.Gallery(
        label=label,
        format="png",
        columns=columns,
        height=height,
        object_fit="contain",
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_id=id,
    )


def _wire(studio: Studio, page: gr.Blocks, parts: Parts, seen: Seen) -> None:
    first, outputs = studio.first(), studio.places.outputs

    def look(request: gr.Request) -> tuple[Any, ...]:
        language = language_of(request)
        choices = studio.choices(language)
        names = [name for _, name in choices]
        wanted = first.model if first.model in names else next(iter(names), None)
        model = gr.update(choices=choices, value=wanted)
        title = words.said("examples", language, creator=studio.about.name)
        samples = gr.update(label=title, sample_labels=studio.samples(language))
        return model, studio.advice(language), samples, *after(request)

    def work(  # noqa: PLR0917 - gradio calls it by place
        prompt: str,
        negative: str,
        size: str,
        model: str,
        steps: float,
        guidance: float,
        seed: float,
        count: float,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        wish = wish_from([prompt, negative, size, model, steps, guidance, seed])
        for made, line in studio.paint(wish, int(count), language_of(request)):
            yield [str(path) for path in made], line

    def after(request: gr.Request) -> tuple[Any, ...]:
        found = pictures.latest(outputs, SHOWN)
        return studio.device(language_of(request)), [str(path) for path in found], found

    def settled(request: gr.Request) -> str:
        studio.painter.until_warm()
        return studio.device(language_of(request))

    def choose(event: gr.SelectData) -> int:
        return int(event.index)

    def use_again(found: list[Path], index: int, request: gr.Request) -> tuple[Any, ...]:
        wish = pictures.made_of(found[index]) if 0 <= index < len(found) else None
        if wish is None:
            gr.Info(words.said("no_settings", language_of(request)))
            return tuple(gr.skip() for _ in parts.fields)
        return filled(wish, known=wish.model in {name for _, name in studio.choices("")})

    quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [seen.device, seen.kept, seen.paths]
    for begin in (page.load, parts.again.click):
        model = parts.fields[FIELDS.index("model")]
        begin(look, None, [model, parts.advice, seen.samples, *shown], **quietly).then(
            settled, None, seen.device, **quietly
        )
    gr.on(
        [parts.paint.click, parts.fields[0].submit],
        work,
        [*parts.fields, parts.count],
        [parts.result, parts.told],
        concurrency_limit=1,
        show_progress="hidden",
        api_name="paint",
    ).then(after, None, shown, **quietly)
    parts.stop.click(studio.stop.set, None, None, queue=False, api_visibility="private")
    seen.kept.select(choose, None, seen.chosen, **quietly)
    seen.use.click(use_again, [seen.paths, seen.chosen], parts.fields, **quietly)


def _examples(studio: Studio, fields: list[Any]) -> Any:
    """What the creator would begin with; a click fills the fields."""
    wishes = [pictures.wish_of(sample, studio.first()) for sample in studio.about.samples]
    samples = gr.Dataset(
        components=[fields[0]],
        samples=[[wish.prompt] for wish in wishes],
        sample_labels=studio.samples(""),
        type="index",
        samples_per_page=6,
        visible=bool(wishes),
        elem_id="samples",
    )
    samples.click(
        lambda at: filled(wishes[at], known=False),
        samples,
        fields,
        show_progress="hidden",
        api_visibility="private",
    )
    return samples


def filled(wish: Wish, *, known: bool) -> tuple[Any, ...]:
    """For the fields; the model stays when the wish's own is not here."""
    values = asdict(wish) | {"size": size_of(wish)} | ({} if known else {"model": gr.skip()})
    return tuple(values[name] for name in FIELDS)


def language_of(request: gr.Request | None) -> str:
    return request.headers.get("accept-language", "") if request is not None else ""
