"""What came after the groups, for whoever runs the server: who signed in, and who did what here."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEES = [
    ("teams", "view_signin"),
    ("teams", "view_teamevent"),
    ("styles", "view_notice"),
    ("admin", "view_logentry"),
]


def widen(apps, schema_editor):
    # On an empty database there are no permissions before all migrations have run.
    for label in ("teams", "styles", "admin"):
        config = apps.get_app_config(label)
        before = getattr(config, "models_module", None)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = before
    Permission = apps.get_model("auth", "Permission")
    operators = apps.get_model("auth", "Group").objects.filter(name="Operators").first()
    if operators:  # somebody may have done away with the group
        operators.permissions.add(
            *(
                Permission.objects.get(content_type__app_label=label, codename=codename)
                for label, codename in SEES
            )
        )


class Migration(migrations.Migration):
    dependencies = [
        ("styles", "0012_worker_signs_and_indexes"),
        ("teams", "0004_sign_ins"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [migrations.RunPython(widen, migrations.RunPython.noop)]
