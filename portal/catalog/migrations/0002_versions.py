import django.db.models.deletion
from django.db import migrations, models


def _added(name: str, field: models.Field) -> migrations.AddField:
    return migrations.AddField(model_name="setup", name=name, field=field)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        _added("avatar", models.CharField(blank=True, max_length=80)),
        _added("links", models.JSONField(default=list)),
        _added("digest", models.CharField(blank=True, max_length=64)),
        _added("extends", models.CharField(blank=True, max_length=40)),
        _added("needs_source", models.CharField(blank=True, max_length=40)),
        _added("model_files", models.JSONField(default=list)),
        _added("extensions", models.JSONField(default=list)),
        _added("settings", models.JSONField(default=dict)),
        _added("samples", models.JSONField(default=list)),
        migrations.AlterField(
            model_name="setup",
            name="creator_url",
            field=models.URLField(blank=True, max_length=1000),
        ),
        migrations.CreateModel(
            name="Picture",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("data", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="SetupVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=40)),
                ("digest", models.CharField(max_length=64)),
                ("content", models.JSONField()),
                ("published_at", models.DateTimeField(auto_now_add=True)),
                (
                    "setup",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="catalog.setup",
                    ),
                ),
            ],
            options={
                "ordering": ["-published_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("setup", "version"), name="setup_version_once")
                ],
            },
        ),
    ]
