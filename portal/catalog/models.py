"""Rows of the catalogue. Written by `loading` alone, from the files that are the source."""

from __future__ import annotations

from django.db import models


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
    """What is preloaded on a desktop, by whom, in which version."""

    slug = models.SlugField(primary_key=True, max_length=40)
    title_en = models.CharField(max_length=60)
    title_zh = models.CharField(max_length=60)
    summary_en = models.CharField(max_length=240)
    summary_zh = models.CharField(max_length=240)
    webui = models.CharField(max_length=60, blank=True)  # empty: a plain desktop
    creator = models.CharField(max_length=60)
    creator_url = models.URLField(blank=True)
    version = models.CharField(max_length=40)
    licence = models.CharField(max_length=80)
    min_vram_mib = models.PositiveIntegerField(default=0)
    size_mib = models.PositiveIntegerField()
    image = models.CharField(max_length=255, blank=True)  # container image, for clusters
    apps = models.JSONField(default=list)  # [{"name": …, "port": …, "title": …}]
    cover = models.CharField(max_length=80)  # file name under static/covers/
    position = models.PositiveSmallIntegerField(default=0)
    offered = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.title_en
