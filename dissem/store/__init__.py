"""What is kept: the database, sealed secrets, media files, the audit record."""
