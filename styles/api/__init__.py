"""The API for bots: styles to read, with a person's token. What it answers is described by itself.

`docs/api.md` is for who uses it.
"""
