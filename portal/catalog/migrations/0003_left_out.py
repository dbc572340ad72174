from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_versions")]

    operations = [
        migrations.CreateModel(
            name="Trouble",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file", models.TextField()),
                ("slug", models.TextField(blank=True)),
                ("key", models.TextField(blank=True)),
                ("reason", models.TextField()),
                ("since", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "left-out file",
                "verbose_name_plural": "left-out files",
                "ordering": ["file", "id"],
            },
        ),
        migrations.AddField("setup", "left_out", models.BooleanField(default=False)),
    ]
