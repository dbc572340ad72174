"""Rows of the catalogue. Written by `loading` alone, from the files that are the source."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class GpuClass(models.Model):
    """A class of graphics cards, and what serves it on a cluster."""

    slug = models.SlugField(primary_key=True, max_length=40)
    title = models.CharField(max_length=60)  # the product's name, the same in every language
    vram_mib = models.PositiveIntegerField()
    resource = models.CharField(max_length=80)  # Kubernetes extended resource
    node_labels = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.title


class Plan(models.Model):
    """A shape that can be rented."""

    slug = models.SlugField(primary_key=True, max_length=40)
    title = models.CharField(max_length=60)
    summary_en = models.CharField(max_length=160)
    summary_zh = models.CharField(max_length=160)
    vcpus = models.PositiveSmallIntegerField()
    memory_mib = models.PositiveIntegerField()
    disk_gib = models.PositiveIntegerField()
    gpu_class = models.ForeignKey(GpuClass, on_delete=models.PROTECT, null=True, blank=True)
    gpu_count = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    offered = models.BooleanField(default=True, help_text="False once it left the file.")

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title

    @property
    def vram_mib(self) -> int:
        return self.gpu_class.vram_mib if self.gpu_class else 0


class Setup(models.Model):
    """What is preloaded on a desktop, by whom; in the version that is current now."""

    slug = models.SlugField(primary_key=True, max_length=40)
    title_en = models.CharField(max_length=60)
    title_zh = models.CharField(max_length=60)
    summary_en = models.CharField(max_length=240)
    summary_zh = models.CharField(max_length=240)
    webui = models.CharField(max_length=60, blank=True)  # empty: a plain desktop
    creator = models.CharField(max_length=60)
    creator_url = models.URLField(blank=True, max_length=1000)
    avatar = models.CharField(max_length=80, blank=True)  # as `cover`; empty: none
    links = models.JSONField(default=list)  # [{"title": …, "url": …}]
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of what people get
    extends = models.CharField(max_length=40, blank=True)  # slug of the setup below this one
    needs_source = models.CharField(max_length=40, blank=True)  # a tree that must be given
    licence = models.CharField(max_length=80)
    min_vram_mib = models.PositiveIntegerField(default=0)
    size_mib = models.PositiveIntegerField()
    image = models.CharField(max_length=255, blank=True)  # container image, for clusters
    apps = models.JSONField(default=list)  # [{"name": …, "port": …, "title": …, "health": …}]
    model_files = models.JSONField(default=list)  # [[models]] of setup.toml, the base's first
    extensions = models.JSONField(default=list)
    settings = models.JSONField(default=dict)
    samples = models.JSONField(default=list)
    cover = models.CharField(max_length=80)  # file name under static/covers/, or of a Picture
    position = models.PositiveSmallIntegerField(default=0)
    offered = models.BooleanField(default=True)
    left_out = models.BooleanField(default=False)  # its file is wrong now: see Trouble

    superseded = False  # an earlier edition, as `versions.edition` answers it

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title_en


class SetupVersion(models.Model):
    """A version as it was published, signed by its digest. What was published stays as it is.

    Only a version whose name ends in `-dev`, or whose base's does, may still change.
    """

    setup = models.ForeignKey(Setup, on_delete=models.PROTECT, related_name="versions")
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    content = models.JSONField()  # columns of Setup: all it takes to launch this version
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-published_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["setup", "version"], name="setup_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.setup_id} {self.version}"


class Trouble(models.Model):
    """A file of the catalogue that was not loaded, since it is wrong. Written by `troubles`."""

    file = models.TextField()
    slug = models.TextField(blank=True)  # of the setup, as far as it can be told
    key = models.TextField(blank=True)
    reason = models.TextField()
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["file", "id"]
        verbose_name = _("left-out file")
        verbose_name_plural = _("left-out files")

    def __str__(self) -> str:
        return self.file


class Picture(models.Model):
    """A cover or avatar from a creator's own folder. Named by its content, so it never changes."""

    name = models.CharField(primary_key=True, max_length=80)  # <SHA-256>.webp
    data = models.BinaryField()

    def __str__(self) -> str:
        return self.name
