"""WeChat's safe mode: AES-256-CBC over sixteen random bytes, a length, the document and the app's id.

The padding is PKCS#7 to blocks of 32, though the cipher's have 16. `cryptography` is imported when a sealed delivery
comes: who uses plain mode does not wait for it.
"""

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING

from afterhours.channels.contract import MalformedPayload

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

_BLOCK = 32
_KEY = re.compile(r"[0-9A-Za-z+/]{43}")


def unsealed(sealed: str, encoding_key: str, app_id: str) -> bytes:
    """The document. Raises MalformedPayload, also where it was sealed for another app."""
    from cryptography.hazmat.primitives.ciphers import Cipher

    try:
        data = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedPayload("not base64") from error
    if not data or len(data) % 16:
        raise MalformedPayload("no blocks")
    decryptor = Cipher(*_cipher(encoding_key)).decryptor()
    padded = decryptor.update(data) + decryptor.finalize()
    plain = padded[16 : len(padded) - padded[-1]]
    length = int.from_bytes(plain[:4])
    found, owner = plain[4 : 4 + length], plain[4 + length :]
    if not 1 <= padded[-1] <= _BLOCK or len(found) != length:
        raise MalformedPayload("wrong key")
    if not app_id or not hmac.compare_digest(owner, app_id.encode()):
        raise MalformedPayload("another app's")
    return found


def sealed(document: bytes, encoding_key: str, app_id: str, random: bytes) -> str:
    """The document sealed for the app, behind sixteen random bytes, in base64."""
    from cryptography.hazmat.primitives.ciphers import Cipher

    plain = random + len(document).to_bytes(4) + document + app_id.encode()
    missing = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(*_cipher(encoding_key)).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()).decode()


def _cipher(encoding_key: str) -> "tuple[AES, CBC]":
    from cryptography.hazmat.primitives.ciphers import algorithms, modes

    if not _KEY.fullmatch(encoding_key):
        raise MalformedPayload("no key")
    key = base64.b64decode(encoding_key + "=")  # the last letter's spare bits may be set
    return algorithms.AES(key), modes.CBC(key[:16])
