"""Pictures in a private bucket of an S3-compatible store.

What goes wrong there is an OSError, as on a disk: FileNotFoundError for what is not there.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from .scaled import CONNECT_SECONDS, TALK_SECONDS

# A preview fits; what is larger goes by the disk.
IN_MEMORY_BYTES = 256 * 1024
TRIES = 2
_connecting = threading.Lock()


@contextmanager
def as_of_a_disk(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404 and error.response.get("Error", {}).get("Code") != "NoSuchBucket":
            raise FileNotFoundError(errno.ENOENT, "not in the bucket", name) from error
        number = errno.EACCES if status in {401, 403} else errno.EIO
        raise OSError(number, f"the bucket answers {status}", name) from error
    except (BotoCoreError, Boto3Error) as error:
        # Its text may hold an address with a signature.
        says = f"the bucket does not answer ({type(error).__name__})"
        raise OSError(errno.EIO, says, name) from error


class Bucket(S3Storage):
    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=TALK_SECONDS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            # Other stores than Amazon's know no further checksums; a picture has ours.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        # Its threads would be ten more for each of ours.
        super().__init__(
            client_config=config, transfer_config=TransferConfig(use_threads=False), **options
        )
        self._shared: Any = None

    @property
    def connection(self) -> Any:
        """One for all threads: each takes as much memory as half of the program."""
        with _connecting:
            if self._shared is None:
                self._shared = self._create_session().resource(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=self.endpoint_url,
                    config=self.client_config,
                )
            return self._shared

    def is_there(self) -> bool:
        """Whether the bucket itself is, so that what is not in it is lost. Raises OSError."""
        try:
            with as_of_a_disk(self.bucket_name):
                self.connection.meta.client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError:
            return False
        return True

    def _open(self, name: str, mode: str = "rb") -> File:
        """Fetch it whole, so that what goes wrong does so before anything is answered with it."""
        folder = str(settings.FILE_UPLOAD_TEMP_DIR)
        copy = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115
        try:
            with as_of_a_disk(name):
                found = self.bucket.Object(self._normalize_name(name)).get()
                shutil.copyfileobj(found["Body"], copy)
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return File(copy, name)

    def _save(self, name: str, content: Any) -> str:
        with as_of_a_disk(name):
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with as_of_a_disk(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with as_of_a_disk(name):
            return bool(super().exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with as_of_a_disk(path):
            folders, files = super().listdir(path)
        return folders, files

    def size(self, name: str) -> int:
        with as_of_a_disk(name):
            return int(super().size(name))

    def get_modified_time(self, name: str) -> datetime:
        with as_of_a_disk(name):
            modified: datetime = super().get_modified_time(name)
        return modified
