"""How a picture was made, as WebUIs write it: in PNG, JPEG, WebP and GIF, in whatever encoding."""

from __future__ import annotations

import os
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from tests.images.files_server import Files

SAID = "雨夜女孩, neon\nNegative prompt: blurry\nSteps: 20, CFG scale: 7, Seed: 5, Size: 64x64"
LATIN = "café\nSteps: 20"
WORKFLOW = '{"3": {"class_type": "KSampler"}}'
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*before: bytes, behind: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(4)))
    return PNG + head + b"".join(before) + pixels + behind + chunk(b"IEND", b"")


def text(said: bytes, key: bytes = b"parameters") -> bytes:
    return chunk(b"tEXt", key + b"\0" + said)


def itxt(said: str, *, packed: bool = False, key: bytes = b"parameters") -> bytes:
    raw = zlib.compress(said.encode()) if packed else said.encode()
    return chunk(b"iTXt", key + bytes([0, packed, 0]) + b"zh\0Einstellungen\0" + raw)


def exif(comment: bytes, *, order: str = ">", padding: int = 0) -> bytes:
    """A user's comment and nothing else, as WebUIs write it."""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    below = 26 + padding
    return (
        mark
        + struct.pack(order + "IHHHIII", 8, 1, 0x8769, 4, 1, below, 0)
        + bytes(padding)
        + struct.pack(order + "HHHIII", 1, 0x9286, 7, len(comment), below + 18, 0)
        + comment
    )


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    found = b"\xff\xd8"
    for mark, data in segments:
        found += struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data
    return found + b"\xff\xda\0\2" + b"pixels\xff\xd9"


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in ((b"VP8 ", b"pixels!"), *chunks)
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


UTF16 = b"UNICODE\0" + SAID.encode("utf-16-be")
LITTLE = b"UNICODE\0" + SAID.encode("utf-16-le")
EXIF = b"Exif\0\0"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png(itxt(SAID)), SAID),
        (png(itxt(SAID, packed=True)), SAID),
        (png(text(SAID.encode())), SAID),
        (png(text(LATIN.encode("latin-1"))), LATIN),
        (png(chunk(b"zTXt", b"parameters\0\0" + zlib.compress(SAID.encode()))), SAID),
        (png(behind=text(SAID.encode())), SAID),
        (png(behind=itxt(SAID, packed=True)), SAID),
        (
            png(itxt("\nNegative prompt: blurry\nSteps: 20")),
            "\nNegative prompt: blurry\nSteps: 20",
        ),
        (png(text(WORKFLOW.encode(), b"prompt"), text(b"{}", b"workflow")), WORKFLOW),
        (png(text(b"{}", b"prompt"), text(LATIN.encode())), LATIN),
        (png(text(b"", b"prompt"), itxt("{1}", key=b"invokeai_metadata")), "{1}"),
        (png(chunk(b"eXIf", exif(UTF16))), SAID),
        (png(text(b"GIMP", b"Comment"), text(SAID.encode())), SAID),
        (jpeg((0xE0, b"JFIF\0"), (0xE1, EXIF + exif(UTF16))), SAID),
        (jpeg((0xE1, EXIF + exif(LITTLE))), SAID),
        (jpeg((0xE1, EXIF + exif(LITTLE, order="<"))), SAID),
        (jpeg((0xE1, EXIF + exif(UTF16, order="<", padding=100))), SAID),
        (jpeg((0xE1, EXIF + exif(b"UNICODE\0" + SAID.encode("utf-16")))), SAID),
        (jpeg((0xE1, EXIF + exif(b"ASCII\0\0\0" + LATIN.encode()))), LATIN),
        (jpeg((0xE1, EXIF + exif(bytes(8) + SAID.encode() + bytes(3)))), SAID),
        (jpeg((0xE1, EXIF + exif(b"JIS\0\0\0\0\0" + "猫".encode("iso2022_jp")))), "猫"),
        (jpeg((0xE1, EXIF + exif(SAID.encode()))), SAID),
        (jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), (0xE1, EXIF + exif(UTF16))), SAID),
        (jpeg((0xFE, SAID.encode())), SAID),
        (jpeg((0xFE, b"Created with GIMP")), ""),
        (webp((b"EXIF", exif(UTF16))), SAID),
        (webp((b"ICCP", b"odd"), (b"EXIF", EXIF + exif(LITTLE, order="<"))), SAID),
        (png(), ""),
        (jpeg(), ""),
        (webp(), ""),
        (b"", ""),
        (b"GIF89a", ""),
        (b"no picture at all", ""),
    ],
)
def test_what_webuis_write_is_read(shared_files: Files, content: bytes, said: str) -> None:
    (shared_files.home / "picture").write_bytes(content)
    assert shared_files.get("about", path="picture") == (200, {"text": said})


def test_what_pillow_writes_is_read(shared_files: Files) -> None:
    """As most WebUIs do it, and ComfyUI with its workflow in WebP."""
    image, home = Image.new("RGB", (8, 8), "red"), shared_files.home
    about = PngImagePlugin.PngInfo()
    about.add_itxt("parameters", SAID, zip=True)
    image.save(home / "a.png", pnginfo=about)
    marks = Image.Exif()
    marks[0x0110] = f"prompt:{WORKFLOW}"
    marks[0x010F] = "workflow:{}"
    image.save(home / "b.webp", exif=marks)
    image.save(home / "c.gif", comment=SAID.encode())
    comment = Image.Exif()
    comment.get_ifd(0x8769)[0x9286] = UTF16
    image.save(home / "d.jpg", exif=comment)
    for name, said in (("a.png", SAID), ("b.webp", WORKFLOW), ("c.gif", SAID), ("d.jpg", SAID)):
        assert shared_files.get("about", path=name) == (200, {"text": said}), name


HOSTILE = {
    "a length that is a lie": PNG + struct.pack(">I", 2**32 - 1) + b"tEXt" + b"x" * 100,
    "no end of empty chunks": PNG + chunk(b"zero", b"") * 400_000,
    "a bomb": png(chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(200 << 20)))),
    "many bombs": png(chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b" " * (1 << 20), 9)) * 20_000),
    "no end of padding": b"\xff\xd8" + b"\xff" * (4 << 20),
    "a segment shorter than itself": b"\xff\xd8\xff\xe1\0\0" + b"x" * 100,
    "empty segments": b"\xff\xd8" + b"\xff\xe1\0\2" * 1_000_000,
    "a directory in a circle": jpeg(
        (0xE1, EXIF + b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x8769, 4, 1, 8, 0))
    ),
    "a directory outside": jpeg((0xE1, EXIF + b"MM\0*" + struct.pack(">I", 2**32 - 1))),
    "a comment outside": jpeg(
        (0xE1, EXIF + b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x9286, 7, 99, 2**31, 0))
    ),
    "a directory without end": jpeg((0xE1, EXIF + b"II*\0\x08\0\0\0\xff\xff" + b"\x86\x92" * 99)),
    "a WebP of nothing": b"RIFF\xff\xff\xff\xffWEBP" + b"ABCD\0\0\0\0" * 400_000,
    "a GIF without end": b"GIF89a" + bytes(7) + b"!\xfe\0" * 1_000_000,
    "a GIF cut": b"GIF89a" + bytes(4) + b"\xff",
    "half a text": PNG + chunk(b"iTXt", b"parameters"),
    "not zlib": png(chunk(b"zTXt", b"parameters\0\0nonsense")),
}


def spent_s(files: Files) -> float:
    """What the server has worked, however busy the machine is."""
    with open(f"/proc/{files.child.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_means_harm_says_nothing_and_costs_little(shared_files: Files, name: str) -> None:
    (shared_files.home / "hostile").write_bytes(HOSTILE[name])
    with open(f"/proc/{shared_files.child.pid}/clear_refs", "w") as file:
        file.write("5")
    before_s = spent_s(shared_files)
    status, said = shared_files.get("about", path="hostile")
    assert status == 200
    assert not said["text"].strip("\0")
    assert spent_s(shared_files) - before_s < 5
    with open(f"/proc/{shared_files.child.pid}/status") as file:
        peak_kib = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak_kib < 120 << 10


@pytest.mark.parametrize("head", [PNG, b"RIFF" + bytes(4) + b"WEBP"], ids=["png", "webp"])
def test_a_file_of_nothing_but_holes_is_not_read_to_its_end(
    shared_files: Files, head: bytes
) -> None:
    """Zeros are chunks of no length: here are hundreds of millions."""
    with (shared_files.home / "holes").open("wb") as file:
        file.write(head)
        file.truncate(8 << 30)
    before_s = spent_s(shared_files)
    assert shared_files.get("about", path="holes") == (200, {"text": ""})
    assert spent_s(shared_files) - before_s < 5
