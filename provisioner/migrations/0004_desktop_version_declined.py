from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("provisioner", "0003_kubernetes_columns")]

    operations = [
        migrations.AddField(
            model_name="desktop",
            name="version_declined",
            field=models.CharField(
                blank=True,
                default="",
                db_default="",  # the release before does not name it when it inserts
                help_text="A newer one of its setup, not wanted.",
                max_length=40,
            ),
        ),
    ]
