"""The rows, one module a noun: verbs on rows, adjectives on QuerySets, named constraints."""

from .history import Attempt, Event, SafeMode
from .history_archive import HistoryArchive
from .image import ReferenceImage
from .keeping import Deletion, Instructions
from .notice import Notice, Unwanted
from .selection import StyleQuerySet
from .style import Style
from .worker_sign import WorkerSign

__all__ = ["Attempt", "Deletion", "Event", "HistoryArchive", "Instructions", "Notice"]
__all__ += ["ReferenceImage", "SafeMode", "Style", "StyleQuerySet", "Unwanted", "WorkerSign"]
