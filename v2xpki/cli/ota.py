"""`v2xpki ota`: signing and delivery of firmware (Uptane). A group's module is loaded when it runs."""

import click

from v2xpki.cli import LazyGroup

# name -> (module whose attribute `command` it is, the line in --help); in the order of --help
GROUPS: dict[str, tuple[str, str]] = {
    "signer": ("v2xpki.cli.ota_signer", "Make and show the keys of one person who signs offline roles."),
    "role": ("v2xpki.cli.ota_role", "List and show the roles of both repositories."),
    "root": ("v2xpki.cli.ota_root", "Ask for a first root, or for other keys and thresholds."),
    "delegation": ("v2xpki.cli.ota_delegation", "Ask for a supplier's part of the targets, or its end."),
    "release": (
        "v2xpki.cli.ota_release",
        "Add images with provenance; approve, publish, withdraw them.",
    ),
    "upload": ("v2xpki.cli.ota_upload", "List and drop images that were sent and are no release yet."),
    "campaign": ("v2xpki.cli.ota_campaign", "Offer releases to cohorts of vehicles; stop that."),
    "ecu": ("v2xpki.cli.ota_ecu", "Register a vehicle's ECUs, replace one."),
    "vehicle": ("v2xpki.cli.ota_vehicle", "Register, show and block vehicles."),
    "vehicle-ca": ("v2xpki.cli.ota_vehicle_ca", "Give the CA of vehicles' TLS certificates its next key."),
    "sign": ("v2xpki.cli.ota_sign", "Ask for signatures, give them, hand them in."),
    "evidence": ("v2xpki.cli.ota_evidence", "Report on a release or a vehicle (UN R156)."),
}


@click.group("ota", cls=LazyGroup, lazy=GROUPS)
def command() -> None:
    """Sign firmware and deliver it: repositories, releases, campaigns, vehicles (Uptane over TUF)."""
