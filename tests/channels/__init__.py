"""The adapters, all held to one contract (`contract.py`)."""
