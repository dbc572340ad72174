"""One picture by InvokeAI, asked for as its own page asks: a graph of nodes, into its queue."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.running import eventually

ASK = """async ([path, body]) => {
    const options = body ? {method: "POST", body: JSON.stringify(body),
                            headers: {"Content-Type": "application/json"}} : {};
    return await (await fetch(path, options)).json();
}"""


def ask_for_a_picture(app: Page, prompt: str) -> None:
    """In an open InvokeAI, once its page is up and its practice model is known."""
    app.locator("textarea").first.wait_for(timeout=180_000)  # the place for words: it is up
    models = eventually(
        lambda: app.evaluate(ASK, ["/api/v2/models/", None])["models"],
        what="the practice model",
        seconds=60,
    )
    wish = batch(models[0], prompt=prompt)
    queued = app.evaluate(ASK, ["/api/v1/queue/default/enqueue_batch", wish])
    assert queued["enqueued"] == 1, queued


def batch(
    model: dict[str, Any], *, prompt: str, side: int = 256, steps: int = 6
) -> dict[str, Any]:
    """Text to picture with Stable Diffusion 1, for POST /api/v1/queue/default/enqueue_batch."""
    known = {name: model[name] for name in ("key", "hash", "name", "base", "type")}
    nodes: dict[str, dict[str, Any]] = {
        "model": {"type": "main_model_loader", "model": known},
        "wanted": {"type": "compel", "prompt": prompt},
        "unwanted": {"type": "compel", "prompt": ""},
        "noise": {"type": "noise", "seed": 1505, "width": side, "height": side},
        "denoise": {
            "type": "denoise_latents",
            "steps": steps,
            "cfg_scale": 7,
            "scheduler": "ddim",
        },
        "picture": {"type": "l2i", "fp32": True, "is_intermediate": False},
    }
    edges = [
        ("model.unet", "denoise.unet"),
        ("model.clip", "wanted.clip"),
        ("model.clip", "unwanted.clip"),
        ("model.vae", "picture.vae"),
        ("wanted.conditioning", "denoise.positive_conditioning"),
        ("unwanted.conditioning", "denoise.negative_conditioning"),
        ("noise.noise", "denoise.noise"),
        ("denoise.latents", "picture.latents"),
    ]
    graph = {
        "id": "graph",
        "nodes": {id: node | {"id": id} for id, node in nodes.items()},
        "edges": [{"source": _end(a), "destination": _end(b)} for a, b in edges],
    }
    return {"prepend": False, "batch": {"graph": graph, "runs": 1}}


def _end(text: str) -> dict[str, str]:
    node, _, field = text.partition(".")
    return {"node_id": node, "field": field}
