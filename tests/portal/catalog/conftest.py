"""Files of a catalogue, good ones, for tests to spoil."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

PLANS = """
currency = "CNY"

[gpu_classes.rtx-a4000]
title = "RTX A4000"
vram_mib = 16384
node_labels = { "nvidia.com/gpu.product" = "NVIDIA-RTX-A4000" }

[plans.aigc-a4000]
title = "AIGC A4000"
summary = { en = "The usual one.", zh = "常用。" }
vcpus = 16
memory_mib = 32768
disk_gib = 300
gpu = { class = "rtx-a4000", count = 1 }
running_micros_per_hour = 1_980_000
disk_micros_per_hour = 25_000

[plans.files]
title = "Files"
summary = { en = "No card.", zh = "无显卡。" }
vcpus = 2
memory_mib = 4096
disk_gib = 300
running_micros_per_hour = 160_000
disk_micros_per_hour = 25_000
"""
BLANK = """
title = { en = "Blank", zh = "空白" }
summary = { en = "Nothing on it.", zh = "什么都没有。" }
creator = "Atelier"
version = "1.0"
licence = "Apache-2.0"
min_vram_mib = 0
size_mib = 1280
cover = "blank.webp"
position = 0
"""
NIGHT_TRAIN = """
title = { en = "Night Train", zh = "夜车" }
summary = { en = "Ink landscapes.", zh = "水墨山水。" }
webui = "Some WebUI"
creator = "Mo Bai"
creator_url = "https://example.org/mo"
version = "0.6"
licence = "MIT"
min_vram_mib = 14336
size_mib = 38_000
image = "registry.example.org/night-train:0.6"
apps = [
    { name = "webui", port = 7860, title = "WebUI" },
    { name = "files", port = 8082, title = "Files" },
]
cover = "night-train.webp"
"""


@dataclass
class Files:
    root: Path

    @property
    def plans(self) -> Path:
        return self.root / "plans.toml"

    @property
    def images(self) -> Path:
        return self.root / "images"

    def setup(self, slug: str) -> Path:
        return self.images / slug / "setup.toml"

    def write(self, slug: str, text: str) -> None:
        self.setup(slug).parent.mkdir(parents=True, exist_ok=True)
        self.setup(slug).write_text(text)

    def change(self, file: Path, old: str, new: str) -> None:
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file}"
        file.write_text(text.replace(old, new, 1))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path)
    files.plans.write_text(PLANS)
    files.write("blank", BLANK)
    files.write("night-train", NIGHT_TRAIN)
    return files
