"""Reports: pure figures first, then the forms people file them in."""
