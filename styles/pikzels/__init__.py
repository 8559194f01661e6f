"""A client for the Pikzels public API, v2: creating and following styles.

It knows neither Django nor this application, so that it can be read, tested and reused alone.
"""
