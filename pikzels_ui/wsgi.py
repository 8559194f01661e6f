"""The WSGI application that gunicorn serves."""

import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")

if settings.SETTING_PROBLEMS:
    # Commands say the same by their system checks, which no web server runs.
    for problem in settings.SETTING_PROBLEMS:
        sys.stderr.write(f"{problem.says} {problem.do}\n")
    # gunicorn's own number for what a restart does not mend.
    sys.exit(3)

application = get_wsgi_application()
