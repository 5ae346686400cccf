"""The command line: open, ask the desk, show. One file a group of commands; no rule lives here."""
