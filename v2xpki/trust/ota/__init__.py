"""Firmware over the air (Uptane), what both ends share and no one keeps: names, fields, manifests,
registrations, provenance. Pure rules on octets; the repositories are in v2xpki.ota, the ECUs in
v2xpki.station.ota."""
