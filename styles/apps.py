from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StylesConfig(AppConfig):
    name = "styles"
    verbose_name = _("Styles")

    def ready(self) -> None:
        from .checks import register_checks

        register_checks()
