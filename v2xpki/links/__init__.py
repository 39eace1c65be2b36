"""Outbound calls between services; each implements a protocol that an authority declares."""
