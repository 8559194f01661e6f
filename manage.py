#!/usr/bin/env python
"""The command line: run, work, sandbox, and Django's own commands."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pikzels_ui.settings")
    execute_from_command_line(sys.argv)
