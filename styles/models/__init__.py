"""The rows, one module a noun: verbs on rows, adjectives on QuerySets, named constraints."""

from .history import Attempt, Event, SafeMode
from .image import ReferenceImage
from .notice import Notice, Unwanted
from .style import Style, StyleQuerySet

__all__ = ["Attempt", "Event", "Notice", "ReferenceImage", "SafeMode", "Style", "StyleQuerySet"]
__all__ += ["Unwanted"]
