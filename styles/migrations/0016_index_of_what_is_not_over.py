from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0015_originals_may_go'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='style',
            index=models.Index(models.F('team'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), condition=models.Q(models.Q(('state', 'ready'), _negated=True), models.Q(('state', 'training_failed'), _negated=True), models.Q(('state', 'gone'), _negated=True), models.Q(('state', 'dropped'), _negated=True)), name='style_not_over'),
        ),
    ]
