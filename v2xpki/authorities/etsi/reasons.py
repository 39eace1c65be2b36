"""Why an EA or AA says no, and the wire's word for each reason (TS 102 941 A.2.3 to A.2.5).

Inside the authorities a refusal is a reason; the response code is looked up where the response is
built. Several reasons may share a code: the operator's log has the reason, the station the code.
"""

from enum import Enum

from v2xpki.errors import Refused


class EnrolmentReason(Enum):
    """Why an enrolment request is refused."""

    CANNOT_PARSE = "the decrypted request is not one canonical COER structure"
    WRONG_CONTENT = "the structure is not an enrolment request"
    OLD_RECIPIENT = "encrypted to a retired certificate of this EA"
    UNKNOWN_CIPHER = "the content is not encrypted with AES-128-CCM"
    CANNOT_DECRYPT = "the AES key opens, the content does not"
    UNKNOWN_STATION = "no station of this id, or no enrolment credential of this digest"
    BAD_SIGNATURE = "a signature does not verify, or is not by whom it must be"
    BAD_ENCRYPTION_KEY = "the encryption key cannot be certified"
    BARRED = "the station is barred, or its credential has expired"
    INCOMPLETE = "a part that the flow asks for is missing"
    DENIED_PERMISSIONS = "attributes beyond what this station may have"
    BAD_KEYS = "the verification key cannot be certified"
    OUT_OF_TIME = "generationTime is outside the window"
    WRONG_FORMAT = "the certificate format is not 1"
    NO_VALIDITY = "the validity asked for is not possible"
    TOO_MANY = "more enrolments than the limit for one station"


ENROLMENT_CODES: dict[EnrolmentReason, str] = {
    EnrolmentReason.CANNOT_PARSE: "cantparse",
    EnrolmentReason.WRONG_CONTENT: "badcontenttype",
    EnrolmentReason.OLD_RECIPIENT: "imnottherecipient",
    EnrolmentReason.UNKNOWN_CIPHER: "unknownencryptionalgorithm",
    EnrolmentReason.CANNOT_DECRYPT: "decryptionfailed",
    EnrolmentReason.UNKNOWN_STATION: "unknownits",
    EnrolmentReason.BAD_SIGNATURE: "invalidsignature",
    EnrolmentReason.BAD_ENCRYPTION_KEY: "invalidencryptionkey",
    EnrolmentReason.BARRED: "baditsstatus",
    EnrolmentReason.INCOMPLETE: "incompleterequest",
    EnrolmentReason.DENIED_PERMISSIONS: "deniedpermissions",
    EnrolmentReason.BAD_KEYS: "invalidkeys",
    EnrolmentReason.OUT_OF_TIME: "deniedrequest",
    EnrolmentReason.WRONG_FORMAT: "deniedrequest",
    EnrolmentReason.NO_VALIDITY: "deniedrequest",
    EnrolmentReason.TOO_MANY: "deniedrequest",
}


class ValidationReason(Enum):
    """Why an EA does not confirm an authorization."""

    CANNOT_PARSE = "the decrypted request is not one canonical COER structure"
    WRONG_CONTENT = "the structure is not an authorization validation request"
    OLD_RECIPIENT = "encrypted to a retired certificate of this EA"
    UNKNOWN_CIPHER = "the content is not encrypted with AES-128-CCM"
    CANNOT_DECRYPT = "the AES key opens, the content does not"
    UNKNOWN_AA = "the AA is not on the trust list, has expired, or may not ask"
    BAD_AA_SIGNATURE = "the AA's signature does not verify"
    OTHER_EA = "the request names another EA"
    UNKNOWN_STATION = "no enrolment credential of this digest"
    BAD_SIGNATURE = "ecSignature does not verify, or is over something else"
    BAD_ENCRYPTION_KEY = "the encryption key cannot be certified"
    DENIED_PERMISSIONS = "attributes beyond what this station may have"
    BARRED = "the station is barred, or its credential has expired"
    PLAIN_SIGNATURE = "a station with privacy must encrypt its ecSignature"
    TOO_MANY = "the limit of parallel tickets is reached"
    OUT_OF_TIME = "generationTime is outside the window"
    WRONG_FORMAT = "the certificate format is not 1"


VALIDATION_CODES: dict[ValidationReason, str] = {
    ValidationReason.CANNOT_PARSE: "cantparse",
    ValidationReason.WRONG_CONTENT: "badcontenttype",
    ValidationReason.OLD_RECIPIENT: "imnottherecipient",
    ValidationReason.UNKNOWN_CIPHER: "unknownencryptionalgorithm",
    ValidationReason.CANNOT_DECRYPT: "decryptionfailed",
    ValidationReason.UNKNOWN_AA: "invalidaa",
    ValidationReason.BAD_AA_SIGNATURE: "invalidaasignature",
    ValidationReason.OTHER_EA: "wrongea",
    ValidationReason.UNKNOWN_STATION: "unknownits",
    ValidationReason.BAD_SIGNATURE: "invalidsignature",
    ValidationReason.BAD_ENCRYPTION_KEY: "invalidencryptionkey",
    ValidationReason.DENIED_PERMISSIONS: "deniedpermissions",
    # the enumeration has no word for a bad status
    ValidationReason.BARRED: "deniedpermissions",
    ValidationReason.PLAIN_SIGNATURE: "deniedpermissions",
    ValidationReason.TOO_MANY: "deniedtoomanycerts",
    ValidationReason.OUT_OF_TIME: "deniedrequest",
    ValidationReason.WRONG_FORMAT: "deniedpermissions",
}


class AuthorizationReason(Enum):
    """Why an AA issues no ticket. Those from EA_ on are what the EA said."""

    CANNOT_PARSE = "the decrypted request is not one canonical COER structure"
    WRONG_CONTENT = "the structure is not an authorization request"
    OLD_RECIPIENT = "encrypted to a retired certificate of this AA"
    UNKNOWN_CIPHER = "the content is not encrypted with AES-128-CCM"
    CANNOT_DECRYPT = "the AES key opens, the content does not"
    KEYS_DO_NOT_MATCH = "keyTag is of other keys"
    INCOMPLETE = "a part that the flow asks for is missing"
    BAD_ENCRYPTION_KEY = "the encryption key cannot be certified"
    BAD_KEYS = "the verification key cannot be certified"
    OUT_OF_TIME = "generationTime is outside the window"
    UNKNOWN_EA = "the EA is not on the trust list"
    INVALID_EA = "the EA has expired, is revoked, has no encryption key or may not confirm"
    DENIED_PERMISSIONS = "attributes beyond what this AA may certify"
    BEYOND_FOREIGN = "an EA of another PKI confirms more than this AA certifies on its word"
    BAD_PROOF = "the proof of possession does not verify"
    NO_PROOF = "proof of possession is asked for here"
    WRONG_FORMAT = "the certificate format is not 1"
    EA_UNREACHABLE = "the EA does not answer, or answers nonsense"
    EA_CANNOT_PARSE = "the EA: cannot parse"
    EA_WRONG_CONTENT = "the EA: wrong content"
    EA_NOT_RECIPIENT = "the EA: not the recipient"
    EA_UNKNOWN_CIPHER = "the EA: unknown encryption algorithm"
    EA_CANNOT_DECRYPT = "the EA: decryption failed"
    EA_UNKNOWN_AA = "the EA: this AA is not trusted"
    EA_BAD_AA_SIGNATURE = "the EA: this AA's signature does not verify"
    EA_OTHER_EA = "the EA: another EA is meant"
    EA_UNKNOWN_STATION = "the EA: the station is not known"
    EA_BAD_SIGNATURE = "the EA: ecSignature does not verify"
    EA_BAD_ENCRYPTION_KEY = "the EA: the encryption key is not valid"
    EA_DENIED_PERMISSIONS = "the EA: denied permissions"
    EA_TOO_MANY = "the EA: too many tickets"
    EA_DENIED = "the EA: denied"


AUTHORIZATION_CODES: dict[AuthorizationReason, str] = {
    AuthorizationReason.CANNOT_PARSE: "its-aa-cantparse",
    AuthorizationReason.WRONG_CONTENT: "its-aa-badcontenttype",
    AuthorizationReason.OLD_RECIPIENT: "its-aa-imnottherecipient",
    AuthorizationReason.UNKNOWN_CIPHER: "its-aa-unknownencryptionalgorithm",
    AuthorizationReason.CANNOT_DECRYPT: "its-aa-decryptionfailed",
    AuthorizationReason.KEYS_DO_NOT_MATCH: "its-aa-keysdontmatch",
    AuthorizationReason.INCOMPLETE: "its-aa-incompleterequest",
    AuthorizationReason.BAD_ENCRYPTION_KEY: "its-aa-invalidencryptionkey",
    # the enumeration has no word for a verification key that is none
    AuthorizationReason.BAD_KEYS: "its-aa-cantparse",
    AuthorizationReason.OUT_OF_TIME: "its-aa-outofsyncrequest",
    AuthorizationReason.UNKNOWN_EA: "its-aa-unknownea",
    AuthorizationReason.INVALID_EA: "its-aa-invalidea",
    AuthorizationReason.DENIED_PERMISSIONS: "its-aa-deniedpermissions",
    AuthorizationReason.BEYOND_FOREIGN: "its-aa-deniedpermissions",
    AuthorizationReason.BAD_PROOF: "invalidsignature",
    AuthorizationReason.NO_PROOF: "its-aa-incompleterequest",
    AuthorizationReason.WRONG_FORMAT: "its-aa-badcontenttype",
    AuthorizationReason.EA_UNREACHABLE: "aa-ea-cantreachea",
    AuthorizationReason.EA_CANNOT_PARSE: "ea-aa-cantparse",
    AuthorizationReason.EA_WRONG_CONTENT: "ea-aa-badcontenttype",
    AuthorizationReason.EA_NOT_RECIPIENT: "ea-aa-imnottherecipient",
    AuthorizationReason.EA_UNKNOWN_CIPHER: "ea-aa-unknownencryptionalgorithm",
    AuthorizationReason.EA_CANNOT_DECRYPT: "ea-aa-decryptionfailed",
    AuthorizationReason.EA_UNKNOWN_AA: "invalidaa",
    AuthorizationReason.EA_BAD_AA_SIGNATURE: "invalidaasignature",
    AuthorizationReason.EA_OTHER_EA: "wrongea",
    AuthorizationReason.EA_UNKNOWN_STATION: "unknownits",
    AuthorizationReason.EA_BAD_SIGNATURE: "invalidsignature",
    AuthorizationReason.EA_BAD_ENCRYPTION_KEY: "invalidencryptionkey",
    AuthorizationReason.EA_DENIED_PERMISSIONS: "deniedpermissions",
    AuthorizationReason.EA_TOO_MANY: "deniedtoomanycerts",
    # Our EA says deniedrequest for a stale ecSignature alone; the enumeration has no nearer word.
    AuthorizationReason.EA_DENIED: "its-aa-outofsyncrequest",
}


class ButterflyReason(Enum):
    """Why an EA refuses a butterfly request or download, or an AA a butterfly certificate.

    The PDUs of these flows have no response codes: who asks over HTTP gets a status for each (`web.etsi`).
    """

    CANNOT_PARSE = "the decrypted request is not one canonical COER structure"
    WRONG_CONTENT = "the structure is not what is served here"
    X509 = "signed under an X.509 certificate: only enrolment credentials count here"
    OLD_RECIPIENT = "encrypted to a retired certificate of this authority"
    CANNOT_DECRYPT = "the AES key opens, the content does not"
    NOT_OFFERED = "this authority does not serve butterfly requests"
    UNKNOWN_STATION = "no enrolment credential of this digest"
    BAD_SIGNATURE = "a signature does not verify, or is not by whom it must be"
    BARRED = "the station is barred, or its credential has expired"
    OUT_OF_TIME = "generationTime is outside the window"
    BAD_KEYS = "the caterpillar cannot be expanded"
    WRONG_FORM = "the certificate asked for is not of an authorization ticket's form"
    DENIED_PERMISSIONS = "attributes beyond what this station may have"
    NO_VALIDITY = "no period is left to be supplied"
    TOO_MANY = "more requests or tickets than the limit for one station"
    NO_AA = "no AA that may certify is on the trust list"
    UNKNOWN_EA = "the EA is not on the trust list, or not in force, or may not ask"
    KEY_USED = "the cocoon key was certified for another wish"
    NO_FILE = "no such file for this station"
    NOT_YET = "the file is not there yet"


# What the AA makes of the EA's code (each to its own).
OF_VALIDATION: dict[str, AuthorizationReason] = {
    "cantparse": AuthorizationReason.EA_CANNOT_PARSE,
    "badcontenttype": AuthorizationReason.EA_WRONG_CONTENT,
    "imnottherecipient": AuthorizationReason.EA_NOT_RECIPIENT,
    "unknownencryptionalgorithm": AuthorizationReason.EA_UNKNOWN_CIPHER,
    "decryptionfailed": AuthorizationReason.EA_CANNOT_DECRYPT,
    "invalidaa": AuthorizationReason.EA_UNKNOWN_AA,
    "invalidaasignature": AuthorizationReason.EA_BAD_AA_SIGNATURE,
    "wrongea": AuthorizationReason.EA_OTHER_EA,
    "unknownits": AuthorizationReason.EA_UNKNOWN_STATION,
    "invalidsignature": AuthorizationReason.EA_BAD_SIGNATURE,
    "invalidencryptionkey": AuthorizationReason.EA_BAD_ENCRYPTION_KEY,
    "deniedpermissions": AuthorizationReason.EA_DENIED_PERMISSIONS,
    "deniedtoomanycerts": AuthorizationReason.EA_TOO_MANY,
    "deniedrequest": AuthorizationReason.EA_DENIED,
}

# Not the last word on a request: sent again later, the same octets may get another answer (E13).
TRANSIENT = frozenset({AuthorizationReason.EA_UNREACHABLE, EnrolmentReason.TOO_MANY})


class RefusedEnrolment(Refused):
    reason: EnrolmentReason


class RefusedValidation(Refused):
    reason: ValidationReason


class RefusedAuthorization(Refused):
    reason: AuthorizationReason


class RefusedButterfly(Refused):
    reason: ButterflyReason
