import django.db.models.deletion
import django.utils.timezone
import styles.models.notice
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0005_updated_at'),
        ('teams', '0002_api_tokens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('ready', 'Ready'), ('failed', 'Training failed'), ('refused', 'Needs a change'), ('declined', 'Declined'), ('in_doubt', 'Outcome unknown'), ('review', 'Waits for a review'), ('held', 'A key is held')], max_length=10, verbose_name='kind')),
                ('held_at', models.DateTimeField(blank=True, null=True, verbose_name='held since')),
                ('held_code', models.CharField(blank=True, max_length=100, verbose_name='held because of')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='when')),
                ('due_at', models.DateTimeField(blank=True, default=styles.models.notice.soon, null=True, verbose_name='due')),
                ('lease', models.UUIDField(editable=False, null=True)),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('outcome', models.CharField(blank=True, choices=[('told', 'Told'), ('passed', 'Not needed any more'), ('given_up', 'Given up: no mail server took it')], max_length=10, verbose_name='outcome')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed')),
                ('event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='styles.event')),
                ('key', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.pikzelskey')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='teams.team', verbose_name='team')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL, verbose_name='who')),
            ],
            options={
                'verbose_name': 'notice',
                'verbose_name_plural': 'notices',
                'ordering': ['at', 'id'],
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='notice_due')],
                'constraints': [models.UniqueConstraint(fields=('event', 'user'), name='notice_once_per_event'), models.UniqueConstraint(fields=('key', 'held_at', 'user'), name='notice_once_per_hold'), models.CheckConstraint(condition=models.Q(models.Q(('event__isnull', False), ('key', None)), models.Q(('event', None), ('held_at__isnull', False), ('key__isnull', False)), _connector='OR'), name='notice_of_event_or_key'), models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', False), ('outcome', '')), models.Q(models.Q(('outcome', ''), _negated=True), ('closed_at__isnull', False), ('due_at', None)), _connector='OR'), name='notice_waits_or_is_over')],
            },
        ),
        migrations.CreateModel(
            name='Unwanted',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('ready', 'Ready'), ('failed', 'Training failed'), ('refused', 'Needs a change'), ('declined', 'Declined'), ('in_doubt', 'Outcome unknown'), ('review', 'Waits for a review'), ('held', 'A key is held')], max_length=10, verbose_name='kind')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='unwanted_notices', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='unwanted_once_per_kind')],
            },
        ),
    ]
