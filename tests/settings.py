"""The settings under test: a data folder of their own, and nothing slow or outward.

TEST_DATABASE_URL chooses another database than SQLite; see `tests/postgres.py`.
"""

import importlib
import os
import tempfile
from pathlib import Path

from .memory import keep_files_in_memory

keep_files_in_memory()
# `conftest.py` deletes it at the end.
OWN_FOLDER = tempfile.mkdtemp(prefix="pikzels-ui-tests-")
os.environ.update(DATA_DIR=OWN_FOLDER, SANDBOX="true", PORT="8000", LOG_LEVEL="WARNING")
for _name in (
    "DATABASE_URL",
    "EMAIL_URL",
    "EXECUTOR",
    "PIKZELS_API_KEY",
    "PIKZELS_BASE_URL",
    "PUBLIC_URL",
    "REDIS_URL",
    "S3_BUCKET",
):
    os.environ.pop(_name, None)
if _database := os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _database

# The environment has to be right before the settings read it.
_base = importlib.import_module("pikzels_ui.settings")
vars().update({name: value for name, value in vars(_base).items() if name.isupper()})

DATABASES = _base.DATABASES
STORAGES = _base.STORAGES
if not _database:
    # On disk, for threads of one process that share a database in memory lock each other's tables.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(OWN_FOLDER) / "test.sqlite3")}
# Tests set ENCRYPTION_KEYS themselves.
ENCRYPTION_KEYS_IN = None
# Hashing a password as slowly as it should be took most of the suite's time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A live server finds no file under the names of the manifest.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# WhiteNoise warns about a folder that is not there; the tests' own server finds files elsewhere.
_base.STATIC_ROOT.mkdir(exist_ok=True)
