import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest


def from_history(apps, schema_editor):
    """Give each style the time of the last thing that is known to have happened to it."""
    Event = apps.get_model("styles", "Event")
    last = (
        Event.objects.filter(style=OuterRef("pk"))
        .order_by()
        .values("style")
        .annotate(last=Max("at"))
        .values("last")
    )
    known = ["edited_at", "submitted_at", "made_at", "ready_at", "archived_at"]
    # Where one of them is NULL, so is the greatest for SQLite.
    times = [Coalesce(F(name), F("created_at")) for name in known]
    times.append(Coalesce(Subquery(last), F("created_at")))
    apps.get_model("styles", "Style").objects.update(updated_at=Greatest("created_at", *times))


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0004_attempt_name'),
    ]

    operations = [
        migrations.AddField(
            model_name='style',
            name='updated_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='changed'),
        ),
        migrations.RunPython(from_history, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(models.F('team'), models.OrderBy(models.F('updated_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='style_changes'),
        ),
    ]
