"""How an upload reaches the disk: streamed, and never further than a picture may be large."""

from django.core.files.uploadhandler import TemporaryFileUploadHandler

from .images import UPLOAD_MAX_BYTES


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Writes each file to the media's file system, and drops what comes after the limit.

    The size that the file reports is what was sent, so that its judge sees that it is too large;
    the other files of the same form arrive as ever.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start <= UPLOAD_MAX_BYTES:
            super().receive_data_chunk(raw_data, start)
