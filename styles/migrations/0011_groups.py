"""Two groups for people who work in the admin: reviewers, and whoever runs the server."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEES = {"styles": ["style", "referenceimage", "attempt", "event"]}
RUNS = {
    "styles": [*SEES["styles"], "safemode"],
    "teams": ["team", "membership", "invitation", "pikzelskey", "apitoken", "user"],
}


def make_groups(apps, schema_editor):
    # On an empty database there are no permissions before all migrations have run.
    for label in RUNS:
        config = apps.get_app_config(label)
        before = getattr(config, "models_module", None)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = before
    Group = apps.get_model("auth", "Group")
    for name, may_see, may_do in (
        ("Reviewers", SEES, ["review_style"]),
        ("Operators", RUNS, ["change_style"]),
    ):
        group, _is_new = Group.objects.get_or_create(name=name)
        group.permissions.add(*_permissions(apps, may_see, may_do))


def _permissions(apps, may_see, may_do):
    Permission = apps.get_model("auth", "Permission")
    wanted = [
        (label, f"view_{model}") for label, models in may_see.items() for model in models
    ] + [("styles", codename) for codename in may_do]
    return [
        Permission.objects.get(content_type__app_label=label, codename=codename)
        for label, codename in wanted
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("styles", "0010_review"),
        ("teams", "0003_team_events"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    # Gone back beyond, the groups stay: people may be in them.
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
