from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('styles', '0006_notices'),
    ]

    operations = [
        migrations.AddField(
            model_name='attempt',
            name='price',
            field=models.CharField(blank=True, default='', max_length=100, verbose_name='price'),
        ),
    ]
