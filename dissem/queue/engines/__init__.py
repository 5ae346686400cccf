"""The engines: `threads` in the daemon."""
