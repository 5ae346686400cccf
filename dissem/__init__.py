"""dissem: queue, approve, publish, archive and report a city's releases on every platform, once and only once."""

__version__ = "0.1.0"
