"""Names of desktops: which may be given, and pleasant ones for who did not think of one."""

from __future__ import annotations

import random
from collections.abc import Collection

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal import display_names
from portal.desktops.refusals import Refused

NAME_MAX = 60

# (English, Chinese). The Chinese light stands before the place without a particle.
LIGHTS = (
    ("Rainy", "雨中"), ("Early", "清晨"), ("Snowy", "雪后"), ("Misty", "雾里"),
    ("Moonlit", "月下"), ("Autumn", "秋日"), ("Spring", "春日"), ("Lamplit", "灯下"),
    ("Quiet", "静静的"), ("Windy", "风中"), ("Evening", "傍晚"), ("Summer", "夏日"),
    ("Distant", "远处的"), ("Winter", "冬日"), ("Sunlit", "阳光下的"), ("Starlit", "星空下的"),
)  # fmt: skip
PLACES = (
    ("crossing", "路口"), ("harbour", "港湾"), ("garden", "花园"), ("rooftops", "屋顶"),
    ("station", "车站"), ("river", "河流"), ("orchard", "果园"), ("market", "市集"),
    ("bridge", "小桥"), ("valley", "山谷"), ("window", "窗户"), ("meadow", "草地"),
    ("stairs", "台阶"), ("tea house", "茶馆"), ("lighthouse", "灯塔"), ("courtyard", "庭院"),
    ("ferry", "渡船"), ("bookshop", "书店"), ("lake", "湖面"), ("pine trees", "松林"),
    ("workshop", "工坊"), ("night train", "夜车"), ("terrace", "露台"), ("islands", "群岛"),
)  # fmt: skip


def invent(taken: Collection[str], *, rng: random.Random | None = None) -> str:
    """A name that nobody in the tenant has yet, in the language of the moment."""
    rng = rng or random.Random()  # noqa: S311 - a name is no secret
    which = 1 if (get_language() or "").startswith("zh") else 0
    names = [_joined(light[which], place[which]) for light in LIGHTS for place in PLACES]
    free = [name for name in names if name not in taken]
    if free:
        return rng.choice(free)
    base, number = rng.choice(names), 2
    while f"{base} {number}" in taken:
        number += 1
    return f"{base} {number}"


def checked(name: str) -> str:
    """The name as it will be kept. Refused when it is empty, too long or cannot be shown."""
    clean = display_names.clean(name)
    if not clean:
        raise Refused("name_empty", _("Give it a name."), field="name")
    if len(clean) > NAME_MAX:
        message = _("The name has {have} characters; {max} is the most.")
        raise Refused(
            "name_too_long",
            message.format(have=len(clean), max=NAME_MAX),
            field="name",
            have=len(clean),
            max=NAME_MAX,
        )
    if not display_names.can_be_shown(clean):
        raise Refused("name_unprintable", display_names.unshowable(), field="name")
    return clean


def _joined(light: str, place: str) -> str:
    return f"{light} {place}" if light.isascii() else light + place
