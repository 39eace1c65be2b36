"""The components of an IEEE 1609.2.1 SCMS."""
