"""A local Pikzels for trying out, developing and testing: no key, no credits, no network.

It answers in the shapes of the contract, trains in seconds, remembers what it made, and fails on
demand: the name of a style says how (`triggers.py`). It counts the styles it made, so that "paid
twice" can be asserted.
"""

from .server import Sandbox, serve

__all__ = ["Sandbox", "serve"]
