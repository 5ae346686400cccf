"""Channels: the adapter contract, and one adapter a platform. Knows nothing of queues, rows or settings files."""
