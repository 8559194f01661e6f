from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("styles", "0003_draft_and_check"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="name",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="name"),
        ),
    ]
