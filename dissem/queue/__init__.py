"""Carrying approved deliveries out exactly once: claim, write the attempt, send, record, look up what is unsure."""
