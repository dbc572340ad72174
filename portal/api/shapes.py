"""The shapes of what is sent and answered: inputs are checked by them, answers documented.

Answers are built in `shown`; the tests hold them against the schema that comes from here.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers as s

from portal.api.parsing import Input
from portal.api.problems import KINDS
from portal.desktops.names import NAME_MAX
from provisioner.states import Desired, Observed, Status

SLUG_MAX = 40


class LaunchInput(Input):
    plan = s.CharField(max_length=SLUG_MAX, help_text=_("Slug of a plan."))
    setup = s.CharField(max_length=SLUG_MAX, help_text=_("Slug of a setup."))
    version = s.CharField(
        max_length=SLUG_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("One of the setup's versions. Left out or empty: the newest."),
    )
    name = s.CharField(
        max_length=NAME_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Once in a tenant. Left out or empty: a pleasant one is made up."),
    )


class RenameInput(Input):
    name = s.CharField(max_length=NAME_MAX)


class OpenInput(Input):
    app = s.CharField(
        max_length=SLUG_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Name of one of the desktop's apps. Left out: the desktop itself."),
    )


class NothingInput(Input):
    pass


class _Shape(s.Serializer[Any]):
    # Only documents: plain values are sent as they are. (A docstring would describe every shape.)
    pass


class App(_Shape):
    name = s.CharField()
    title = s.CharField()


class Gpu(_Shape):
    title = s.CharField()
    count = s.IntegerField(min_value=1)
    vram_mib = s.IntegerField(help_text=_("Memory of one card."))

    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {"class": s.CharField(), **super().get_fields()}  # a word that Python keeps


class Price(_Shape):
    currency = s.CharField(help_text="ISO 4217")
    running_micros_per_hour = s.IntegerField(help_text=_("Millionths of the currency's unit."))
    disk_micros_per_hour = s.IntegerField(help_text=_("For the kept disk while not running."))
    running_per_hour = s.CharField(help_text=_("The same, for people: ¥1.98"))
    disk_per_day = s.CharField()
    charged = s.BooleanField(help_text=_("False: a preview, nothing is charged yet."))


class Places(_Shape):
    total = s.IntegerField(min_value=0)
    free = s.IntegerField(min_value=0)
    waiting = s.IntegerField(min_value=0)


class Plan(_Shape):
    slug = s.CharField()
    title = s.CharField()
    summary = s.CharField()
    vcpus = s.IntegerField()
    memory_mib = s.IntegerField()
    disk_gib = s.IntegerField()
    gpu = Gpu(allow_null=True)
    price = Price(allow_null=True)
    setups = s.ListField(child=s.CharField(), help_text=_("Which setups this plan carries."))
    places = Places(allow_null=True)


class Model(_Shape):
    title = s.CharField()
    kind = s.CharField()
    file = s.CharField()
    size_bytes = s.IntegerField(min_value=1)
    sha256 = s.CharField()
    licence = s.CharField()


class Extension(_Shape):
    name = s.CharField()
    commit = s.CharField()
    licence = s.CharField()


class Version(_Shape):
    version = s.CharField()
    digest = s.CharField()
    published_at = s.DateTimeField()


class Setup(_Shape):
    slug = s.CharField()
    title = s.CharField()
    summary = s.CharField()
    webui = s.CharField(help_text=_("Empty: a plain desktop."))
    creator = s.CharField()
    creator_url = s.CharField()
    version = s.CharField()
    licence = s.CharField()
    min_vram_mib = s.IntegerField(min_value=0)
    size_mib = s.IntegerField()
    apps = App(many=True)
    plans = s.ListField(child=s.CharField(), help_text=_("Which plans carry this setup."))
    extends = s.CharField(help_text=_("Slug of the setup that this one adds to; mostly empty."))
    digest = s.CharField(help_text=_("SHA-256 of all that people get with this version."))
    available = s.BooleanField(help_text=_("False: it is not on this installation yet."))
    models = Model(many=True)
    extensions = Extension(many=True)
    versions = Version(many=True)


class Spec(_Shape):
    plan_title = s.CharField()
    setup_title = s.CharField()
    setup_version = s.CharField()
    vcpus = s.FloatField()
    memory_mib = s.IntegerField()
    disk_gib = s.IntegerField()
    gpu = Gpu(allow_null=True)
    apps = App(many=True)


class Reason(_Shape):
    code = s.CharField(help_text=_("For programs; does not change."))
    message = s.CharField(help_text=_("What happened and why, for people."))
    advice = s.CharField(help_text=_("What to do next."))
    retry = s.BooleanField(help_text=_("Whether the same again may end differently."))


class Phase(_Shape):
    key = s.CharField()
    title = s.CharField()
    state = s.ChoiceField(choices=["done", "now", "next", "broken"])
    started_at = s.DateTimeField(allow_null=True)
    took_s = s.FloatField(allow_null=True)
    usual_s = s.FloatField(allow_null=True)
    percent = s.FloatField(allow_null=True, help_text=_("Of an amount that is known."))


class Start(_Shape):
    """A start that goes on, or that failed."""

    elapsed_s = s.FloatField()
    usual_s = s.FloatField(allow_null=True, help_text=_("What such a start usually takes."))


class Queue(_Shape):
    place = s.IntegerField(min_value=1, help_text=_("1 is next."))
    waiting = s.IntegerField(min_value=1)
    eta_s = s.FloatField(allow_null=True)


class Links(_Shape):
    page = s.URLField(help_text=_("The desktop's page for people."))
    start = s.URLField()
    stop = s.URLField()
    move = s.URLField()
    stay = s.URLField()
    open = s.URLField()
    timeline = s.URLField()

    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {"self": s.URLField(), **super().get_fields()}


class Desktop(_Shape):
    id = s.UUIDField()
    name = s.CharField()
    status = s.ChoiceField(choices=[status.value for status in Status])
    status_text = s.CharField(help_text=_("The status in the reader's language."))
    reason = Reason(allow_null=True)
    plan = s.CharField()
    setup = s.CharField()
    newer_version = s.CharField(
        allow_null=True, help_text=_("Of its setup, where one is out and could be had.")
    )
    spec = Spec(help_text=_("What was sold, as sold."))
    generation = s.IntegerField(min_value=1, help_text=_("Counts launches."))
    created_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True, help_text=_("When this launch was asked for."))
    ready_at = s.DateTimeField(allow_null=True)
    status_since = s.DateTimeField(allow_null=True)
    phases = Phase(many=True, help_text=_("Of a start that goes on, or that failed."))
    queue = Queue(allow_null=True)
    limits = s.ListField(child=s.CharField(), help_text=_("Limits that this machine cannot set."))
    links = Links()

    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "start": Start(allow_null=True)}


class Desktops(_Shape):
    results = Desktop(many=True)
    next = s.URLField(allow_null=True, help_text=_("The next page; null on the last one."))


class Opened(_Shape):
    """A way in, once and soon: POST the field `ticket` as a form to `address`."""

    address = s.URLField()
    ticket = s.CharField()
    expires_at = s.DateTimeField()
    method = s.ChoiceField(choices=["POST"])
    field = s.ChoiceField(choices=["ticket"])
    content_type = s.ChoiceField(choices=["application/x-www-form-urlencoded"])
    origin = s.URLField(help_text=_("Value of the header Origin that the form must carry."))


class Event(_Shape):
    seq = s.IntegerField(min_value=1)
    at = s.DateTimeField()
    status = s.ChoiceField(choices=[status.value for status in Status])
    desired = s.ChoiceField(choices=[desired.value for desired in Desired])
    observed = s.ChoiceField(choices=[observed.value for observed in Observed])
    generation = s.IntegerField(min_value=1)
    reason = Reason(allow_null=True)

    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "source": s.ChoiceField(choices=["will", "eye", "hand"])}


class FieldProblem(_Shape):
    field = s.CharField(help_text=_("Empty: the request as a whole."))
    code = s.CharField()
    message = s.CharField()


class Problem(_Shape):
    """RFC 9457. `code` is for programs."""

    type = s.URLField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    code = s.CharField(help_text="One of: " + ", ".join(KINDS))

    def get_fields(self) -> dict[str, s.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "errors": FieldProblem(many=True)}
