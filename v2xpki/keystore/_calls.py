"""The few PKCS#11 calls that python-pkcs11 has not, or makes dear: straight into the loaded module.

The functions come from the module's own C_GetFunctionList, so this is the very library that
python-pkcs11 initialised, with the same session and object handles. Nothing here locks: every caller
holds the process's lock (_module.py), which also guards the buffers held below.

Measured here, P-256 in SoftHSM 2.6, us: sign 82 (94 by python-pkcs11); derive, read and destroy 145
(250-330: it asks for ten attributes of each derived object and makes a class for it).
brainpoolP256r1: sign 385, derive 430 (570).
"""

from typing import Any

import cffi

PUBLIC_KEY, PRIVATE_KEY, SECRET_KEY = 2, 3, 4  # CKO_
LABEL, SENSITIVE, EXTRACTABLE, LOCAL, EC_PARAMS, EC_POINT = 0x003, 0x103, 0x162, 0x163, 0x180, 0x181  # CKA_

_ECDSA, _ECDH1_DERIVE, _CKD_NULL = 0x1041, 0x1050, 1
_CLASS, _TOKEN, _PRIVATE, _VALUE, _KEY_TYPE, _VALUE_LEN = 0x000, 0x001, 0x002, 0x011, 0x100, 0x161
_GENERIC_SECRET = 0x10
_SIZES = (32, 48)

# positions in CK_FUNCTION_LIST (PKCS#11 v2.40, 3.2), the same in every version since 2.01
_POSITIONS = {
    "C_InitToken": 9,
    "C_CloseAllSessions": 14,
    "C_DestroyObject": 22,
    "C_GetAttributeValue": 24,
    "C_FindObjectsInit": 26,
    "C_FindObjects": 27,
    "C_FindObjectsFinal": 28,
    "C_SignInit": 42,
    "C_Sign": 43,
    "C_DeriveKey": 62,
}
_TYPES = {
    "C_InitToken": "CK_ULONG (*)(CK_ULONG, const char *, CK_ULONG, const char *)",
    "C_CloseAllSessions": "CK_ULONG (*)(CK_ULONG)",
    "C_DestroyObject": "CK_ULONG (*)(CK_ULONG, CK_ULONG)",
    "C_GetAttributeValue": "CK_ULONG (*)(CK_ULONG, CK_ULONG, CK_ATTRIBUTE *, CK_ULONG)",
    "C_FindObjectsInit": "CK_ULONG (*)(CK_ULONG, CK_ATTRIBUTE *, CK_ULONG)",
    "C_FindObjects": "CK_ULONG (*)(CK_ULONG, CK_ULONG *, CK_ULONG, CK_ULONG *)",
    "C_FindObjectsFinal": "CK_ULONG (*)(CK_ULONG)",
    "C_SignInit": "CK_ULONG (*)(CK_ULONG, CK_MECHANISM *, CK_ULONG)",
    "C_Sign": "CK_ULONG (*)(CK_ULONG, const char *, CK_ULONG, unsigned char *, CK_ULONG *)",
    "C_DeriveKey": "CK_ULONG (*)(CK_ULONG, CK_MECHANISM *, CK_ULONG, CK_ATTRIBUTE *, CK_ULONG, CK_ULONG *)",
}
_DECLARATIONS = """
typedef unsigned long CK_ULONG;
typedef struct { CK_ULONG type; void *value; CK_ULONG length; } CK_ATTRIBUTE;
typedef struct { CK_ULONG mechanism; void *parameter; CK_ULONG length; } CK_MECHANISM;
typedef struct { CK_ULONG kdf; CK_ULONG shared_length; void *shared;
                 CK_ULONG public_length; void *public; } CK_ECDH1_DERIVE_PARAMS;
typedef struct { unsigned char major, minor; void *functions[68]; } CK_FUNCTION_LIST;
CK_ULONG C_GetFunctionList(CK_FUNCTION_LIST **);
"""


class ReturnValue(Exception):
    """A CK_RV other than CKR_OK."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call}: CKR 0x{code:03X}")
        self.code = code


class Calls:
    """The calls into one loaded module."""

    def __init__(self, path: str) -> None:
        self._ffi = ffi = cffi.FFI()
        ffi.cdef(_DECLARATIONS)
        self._library = ffi.dlopen(path)
        table = ffi.new("CK_FUNCTION_LIST **")
        self._check("C_GetFunctionList", self._library.C_GetFunctionList(table))
        functions = table[0].functions
        found: dict[str, Any] = {
            name: ffi.cast(_TYPES[name], functions[position]) for name, position in _POSITIONS.items()
        }
        self._init_token, self._close_all = found["C_InitToken"], found["C_CloseAllSessions"]
        self._sign_init, self._sign = found["C_SignInit"], found["C_Sign"]
        self._derive, self._destroy = found["C_DeriveKey"], found["C_DestroyObject"]
        self._get = found["C_GetAttributeValue"]
        self._find_init, self._find = found["C_FindObjectsInit"], found["C_FindObjects"]
        self._find_final = found["C_FindObjectsFinal"]

        self._ecdsa = ffi.new("CK_MECHANISM *", (_ECDSA, ffi.NULL, 0))
        self._signature, self._signature_length = ffi.new("unsigned char[96]"), ffi.new("CK_ULONG *")

        self._point = ffi.new("unsigned char[100]")
        self._parameters = ffi.new("CK_ECDH1_DERIVE_PARAMS *")
        self._parameters.kdf, self._parameters.public = _CKD_NULL, self._point
        self._ecdh = ffi.new(
            "CK_MECHANISM *", (_ECDH1_DERIVE, self._parameters, ffi.sizeof("CK_ECDH1_DERIVE_PARAMS"))
        )
        self._templates = {size: self._derived_template(size) for size in _SIZES}
        self._derived = ffi.new("CK_ULONG *")
        self._secret = ffi.new("unsigned char[48]")
        self._value = ffi.new("CK_ATTRIBUTE *", (_VALUE, self._secret, 48))

    def _derived_template(self, size: int) -> tuple[Any, list[Any]]:
        """A session object that may be read; it lives for the length of one call. Held with its values."""
        ffi = self._ffi
        flag, number = "unsigned char[]", "CK_ULONG[]"
        values = [
            (_CLASS, ffi.new(number, [SECRET_KEY])),
            (_KEY_TYPE, ffi.new(number, [_GENERIC_SECRET])),
            (_VALUE_LEN, ffi.new(number, [size])),
            (_TOKEN, ffi.new(flag, [0])),
            (_PRIVATE, ffi.new(flag, [0])),  # SoftHSM would encrypt a private one: 12 us
            (SENSITIVE, ffi.new(flag, [0])),
            (EXTRACTABLE, ffi.new(flag, [1])),
        ]
        return ffi.new("CK_ATTRIBUTE[]", [(t, v, ffi.sizeof(v)) for t, v in values]), [v for _, v in values]

    @staticmethod
    def _check(call: str, code: int) -> None:
        if code:
            raise ReturnValue(call, code)

    def init_token(self, slot: int, so_pin: bytes, label: str) -> None:
        """C_InitToken: the PIN stays in this process."""
        padded = label.encode().ljust(32)
        self._check("C_InitToken", self._init_token(slot, so_pin, len(so_pin), padded))

    def close_all_sessions(self, slot: int) -> None:
        self._check("C_CloseAllSessions", self._close_all(slot))

    def find(self, session: int, kind: int, label: str | None = None) -> list[int]:
        """Handles of the objects of a class, and of a label if given.

        python-pkcs11's search ends in a finalizer when it fails, which the garbage collector runs in any
        thread, without our lock.
        """
        ffi = self._ffi
        values = [(_CLASS, ffi.new("CK_ULONG[]", [kind]))]
        if label is not None:
            values.append((LABEL, ffi.new("unsigned char[]", list(label.encode()))))
        template = ffi.new("CK_ATTRIBUTE[]", [(t, v, ffi.sizeof(v)) for t, v in values])
        self._check("C_FindObjectsInit", self._find_init(session, template, len(values)))
        found: list[int] = []
        batch, count = ffi.new("CK_ULONG[32]"), ffi.new("CK_ULONG *")
        try:
            while True:
                self._check("C_FindObjects", self._find(session, batch, 32, count))
                if not count[0]:
                    return found
                found += [batch[position] for position in range(count[0])]
        finally:
            self._check("C_FindObjectsFinal", self._find_final(session))

    def attribute(self, session: int, handle: int, kind: int) -> bytes:
        """One attribute's octets; flags are one octet. For attributes of up to 256 octets."""
        buffer = self._ffi.new("unsigned char[256]")
        wanted = self._ffi.new("CK_ATTRIBUTE *", (kind, buffer, 256))
        self._check("C_GetAttributeValue", self._get(session, handle, wanted, 1))
        return bytes(self._ffi.buffer(buffer, wanted.length))

    def sign(self, session: int, key: int, digest: bytes) -> bytes:
        """CKM_ECDSA: raw r || s."""
        code = self._sign_init(session, self._ecdsa, key)
        if code:
            raise ReturnValue("C_SignInit", code)
        self._signature_length[0] = 96
        code = self._sign(session, digest, len(digest), self._signature, self._signature_length)
        if code:
            raise ReturnValue("C_Sign", code)
        return bytes(self._ffi.buffer(self._signature, self._signature_length[0]))

    def agree(self, session: int, key: int, point: bytes, size: int) -> bytes:
        """CKM_ECDH1_DERIVE with CKD_NULL: x of the shared point, `size` octets; keeps nothing."""
        ffi = self._ffi
        ffi.memmove(self._point, point, len(point))
        self._parameters.public_length = len(point)
        template = self._templates[size][0]
        code = self._derive(session, self._ecdh, key, template, len(template), self._derived)
        if code:
            raise ReturnValue("C_DeriveKey", code)
        try:
            self._value.length = 48
            code = self._get(session, self._derived[0], self._value, 1)
            if code:
                raise ReturnValue("C_GetAttributeValue", code)
            return bytes(ffi.buffer(self._secret, self._value.length))
        finally:
            self._check("C_DestroyObject", self._destroy(session, self._derived[0]))
            ffi.memmove(self._secret, bytes(48), 48)
