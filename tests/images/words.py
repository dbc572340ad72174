"""What setups say in tests: one with a recipe, a layer on it, one that shares a recipe."""

from __future__ import annotations

from pathlib import Path

from images import folders, schema

BASE = """
title = { en = "Base", zh = "基础" }
summary = { en = "What others stand on.", zh = "别的配方都基于它。" }
webui = "Some WebUI"
creator = "Mo Bai"
version = "1.0"
licence = "MIT"
min_vram_mib = 0
size_mib = 5000
cover = "base.webp"

[[apps]]
name = "webui"
port = 7860
title = "WebUI"
health = "/healthz"

[install]
requirements = "requirements.txt"
steps = ["make_practice_model.py"]
"""
LAYER = """
title = { en = "Long Lens", zh = "长焦" }
summary = { en = "Night streets.", zh = "夜晚的街道。" }
creator = "Petra Novak"
creator_url = "https://petra.example.org/"
avatar = "petra-novak.webp"
links = [{ title = "Journal", url = "https://petra.example.org/journal" }]
version = "4.1"
licence = "CC-BY-4.0"
min_vram_mib = 14336
extends = "base"
cover = "long-lens.webp"

[[models]]
title = "Grain"
kind = "lora"
file = "grain.safetensors"
url = "https://models.example.org/grain.safetensors"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
size_bytes = 151_000_000
licence = "CC-BY-4.0"
licence_url = "https://creativecommons.example.org/by/4.0/"

[[extensions]]
name = "film-grain"
url = "https://code.example.org/film-grain"
commit = "89abcdef0123456789abcdef0123456789abcdef"
licence = "MIT"

[settings]
steps = 28
sampler = "euler"

[[samples]]
prompt = "a rainy crossing at night"
prompt_zh = "夜雨中的路口"
width = 768
height = 512
steps = 28
guidance = 6.5
seed = 7
"""


SHARED = (
    BASE[: BASE.index("[install]")]
    + """
[install]
requirements = "requirements-forge.txt"

[install.source]
name = "forge"
commit = "89abcdef0123456789abcdef0123456789abcdef"

[[install.parts]]
name = "blip"
path = "repositories/blip"
tree = "89abcdef0123456789abcdef0123456789abcdef"

[launch]
main = "launch.py"
arguments = ["--port", "{port}", "--data", "{data}"]
extensions = "extensions"

[launch.models]
lora = "models/Lora"

[launch.defaults."ui-config.json"]
"txt2img/Width/value" = "width"
"""
)


def put(images: Path, slug: str, text: str) -> Path:
    file = images / slug / "setup.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def read(images: Path, more: Path | None = None) -> dict[str, schema.Setup]:
    return schema.read(folders.find(images, more))
