"""What people did with publications: read at planned ages, kept as samples, rolled up by day."""
