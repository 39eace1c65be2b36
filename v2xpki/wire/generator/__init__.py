"""Makes the record modules and their codecs from asn1/: `python -m v2xpki.wire.generate`.

    model     asn1tools' parse of asn1/ -> resolved types, with effective sizes and ranges
    records   types -> the text of dot2.py, scms.py, etsi.py
    codecs    types -> the text of _codec_dot2.py, _codec_scms.py, _codec_etsi.py

Nothing here is imported at run time by the rest of the house.
"""
