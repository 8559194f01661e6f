"""Pictures, without a model: judged by their bytes, measured, cut, and fetched from links.

`judging` is the way in for every picture that somebody sends; what it needs is in `headers`,
`metadata`, `pixels`, `confined` and `storing`. `check` measures stored pictures, with `bars`,
`fingerprints` and `palettes`. `links` and `fetching` bring pictures from elsewhere to the judge.
"""

from .judging import (
    FORMATS,
    MESSAGES,
    MIN_SIDE,
    NAME_MAX,
    UPLOAD_MAX_BYTES,
    Accepted,
    ImageProblem,
    accept,
    clean_name,
    make_preview,
)

__all__ = [
    "FORMATS",
    "MESSAGES",
    "MIN_SIDE",
    "NAME_MAX",
    "UPLOAD_MAX_BYTES",
    "Accepted",
    "ImageProblem",
    "accept",
    "clean_name",
    "make_preview",
]
