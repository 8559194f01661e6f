"""The rows, one module a noun: verbs on rows, adjectives on QuerySets, named constraints."""

from .history import Attempt, Event, SafeMode
from .image import ReferenceImage
from .style import Style, StyleQuerySet

__all__ = ["Attempt", "Event", "ReferenceImage", "SafeMode", "Style", "StyleQuerySet"]
