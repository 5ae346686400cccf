"""The process that is always there: it carries out the queue, starts jobs by the clock, and can tell how it is."""
