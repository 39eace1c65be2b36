"""The components of an IEEE 1609.2.1 SCMS, each a trust domain of its own."""
