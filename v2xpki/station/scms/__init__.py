"""A station's side of an IEEE 1609.2.1 SCMS."""
