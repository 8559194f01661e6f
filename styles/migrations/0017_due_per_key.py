from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0016_index_of_what_is_not_over'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='style',
            name='style_due',
        ),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(condition=models.Q(('due_at__isnull', False), ('state', 'queued')), fields=['key', 'due_at'], name='style_to_send'),
        ),
        migrations.AddIndex(
            model_name='style',
            index=models.Index(condition=models.Q(models.Q(('state', 'queued'), _negated=True), ('due_at__isnull', False)), fields=['due_at'], name='style_to_follow'),
        ),
    ]
