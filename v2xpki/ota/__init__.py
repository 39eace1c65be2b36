"""Signing and delivery of firmware: the Image repository, the Director, provenance (Uptane over TUF)."""
