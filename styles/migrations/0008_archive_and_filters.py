from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0007_attempt_price'),
        ('teams', '0002_api_tokens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='what',
            field=models.CharField(choices=[('moved', 'Changed its state'), ('picture', 'Changed a picture'), ('asked_support', 'Asked for help'), ('late_answer', 'An answer came late'), ('noted', 'Noted'), ('archived', 'Archived'), ('brought_back', 'Brought back from the archive')], max_length=20, verbose_name='what'),
        ),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(models.F('team'), models.F('creator'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='style_by_person'),
        ),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(models.F('team'), models.F('state'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='style_by_state'),
        ),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(models.F('team'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(('archived_at__isnull', False)), name='style_archive'),
        ),
    ]
