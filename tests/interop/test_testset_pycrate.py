"""pycrate decodes what is to decode of the generated test set, and encodes it to the same octets."""

from v2xpki.testset import create
from v2xpki.time import SystemClock


def test_pycrate_reads_all_of_the_test_set_that_decodes(pycrate, tmp_path):
    manifest = create(tmp_path / "set", seed="pycrate", now=SystemClock().time32())
    read = 0
    for entry in [*manifest.entries, *manifest.timed]:
        if not entry.decodes:
            continue
        name = "CertificateBase" if entry.kind == "certificate" else "Ieee1609Dot2Data"
        octets = (tmp_path / "set" / entry.file).read_bytes()
        decoded = pycrate.decode(name, octets)
        # pycrate has one object a type: what nests itself it decodes, but does not encode again
        if entry.rule != "nested-message":
            assert pycrate.encode(name, decoded) == octets, (entry.kind, entry.rule)
        read += 1
    assert read > 200
