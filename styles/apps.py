from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StylesConfig(AppConfig):
    name = "styles"
    verbose_name = _("Styles")

    def ready(self) -> None:
        from django.core.checks import register

        from pikzels_ui.backups.here import no_restore_cut_short

        from .checks import register_checks

        register_checks()
        register(no_restore_cut_short)
