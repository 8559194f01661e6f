"""Backups: a whole copy of the database, the pictures and the journals, made while all runs.

A backup is a folder of its own, or one tar file of the same. The keys that open what is encrypted
are never in it: a copy of both together would open everything.
"""
