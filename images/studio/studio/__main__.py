"""Serves the studio: `python -m studio [--port 7860]`, on this machine's loopback alone."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

from studio.painter import quiet_environment

quiet_environment()

import gradio as gr  # noqa: E402 - it reads the environment when it is imported
import own_files  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import FastAPI  # noqa: E402

from studio import page  # noqa: E402
from studio.places import Places  # noqa: E402
from studio.work import Studio  # noqa: E402

LARGEST_UPLOAD = "8mb"  # nothing here takes files; what comes is a mistake


def app(studio: Studio) -> FastAPI:
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @server.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    blocks, i18n = page.build(studio)
    blocks.queue(default_concurrency_limit=4, max_size=32)
    return gr.mount_gradio_app(
        server,
        blocks,
        path="/",
        footer_links=[],
        allowed_paths=[str(studio.places.outputs)],
        max_file_size=LARGEST_UPLOAD,
        show_error=True,
        ssr_mode=False,
        i18n=i18n,
        theme=page.theme(),
        css_paths=[Path(__file__).with_name("look.css")],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studio", description=__doc__)
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args()
    places = Places.from_environment()
    for folder in (places.outputs, places.cache):
        with suppress(OSError):  # a full disk is emptied from inside the desktop
            own_files.make_folder(folder)
    os.environ.setdefault("GRADIO_TEMP_DIR", str(places.cache))
    studio = Studio.at(places)
    studio.painter.warm_up()
    # The gateway says which scheme and host the browser sees; it alone can reach this port.
    uvicorn.run(
        app(studio),
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
    )


if __name__ == "__main__":
    main()
