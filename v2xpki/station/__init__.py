"""The station's side: what a vehicle or roadside unit does with a PKI and with its peers. See station.py."""

from v2xpki.station.errors import (
    BadAnswer,
    BadState,
    BeyondProfile,
    NoCredential,
    RequestRefused,
    Unreachable,
    Untrusted,
)
from v2xpki.station.http import Http, Reply, Urllib3Http
from v2xpki.station.pki import Access, Pki, Trusted, Where, discover, follow_ectl
from v2xpki.station.requests import Sent, authorization_request, enrolment_request
from v2xpki.station.state import Settings, State, StateDirectory
from v2xpki.station.station import IVI, MAPEM, SPATEM, Station, location

__all__ = [
    "IVI",
    "MAPEM",
    "SPATEM",
    "Access",
    "BadAnswer",
    "BadState",
    "BeyondProfile",
    "Http",
    "NoCredential",
    "Pki",
    "Reply",
    "RequestRefused",
    "Sent",
    "Settings",
    "State",
    "StateDirectory",
    "Station",
    "Trusted",
    "Unreachable",
    "Untrusted",
    "Urllib3Http",
    "Where",
    "authorization_request",
    "discover",
    "enrolment_request",
    "follow_ectl",
    "location",
]
