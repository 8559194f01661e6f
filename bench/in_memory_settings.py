"""The product's settings, but for uploads, which are kept in memory until they are stored."""

from pikzels_ui.settings import *  # noqa: F403

FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 100_000_000
