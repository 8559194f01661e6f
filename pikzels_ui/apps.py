"""Django's admin, with our own front page and lists that stay quick."""

from django.contrib.admin.apps import AdminConfig


class Admin(AdminConfig):
    default_site = "pikzels_ui.admin_site.Site"
