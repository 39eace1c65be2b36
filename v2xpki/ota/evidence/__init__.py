"""Evidence for the type-approval authority (UN R156, 7.1): what was offered, to whom, when, by whose
signatures, with which RXSWIN, and what the vehicle reported back.

The Image repository knows no vehicle and the Director holds no signer's word, so there are two halves, each
read in one transaction of its own database; whoever may see both joins their documents:

    release_report(release_half(image_tx, "vcu/brake/1.2/image.bin").document(),
                   delivery_half(director_tx, path).document(), made=clock.time32())
    vehicle_report(vehicle_half(director_tx, vin).document(), [half.document() for half in ...], made=...)

Times are ISO 8601 UTC, for people; what is signed is named by its SHA-256, as it was handed out.
"""

from v2xpki.ota.evidence.director import delivery_half, vehicle_half
from v2xpki.ota.evidence.image import known_releases, release_half
from v2xpki.ota.evidence.joining import release_report, vehicle_report
from v2xpki.ota.evidence.page import page
from v2xpki.ota.evidence.shapes import DeliveryHalf, Document, ReleaseHalf, VehicleHalf

__all__ = [
    "DeliveryHalf",
    "Document",
    "ReleaseHalf",
    "VehicleHalf",
    "delivery_half",
    "known_releases",
    "page",
    "release_half",
    "release_report",
    "vehicle_half",
    "vehicle_report",
]
