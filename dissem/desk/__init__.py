"""The desk: what people may do, the same for the command line, the phone page and the tests."""
