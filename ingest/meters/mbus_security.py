"""Encryption of M-Bus telegrams: what a configuration word says, and how mode 5 is opened.

Source: EN 13757-7:2018, "Configuration field" and "Security mode 5" (AES-128, cipher block
chaining); OMS Specification, vol. 2, for the initial vector.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ingest.errors import PayloadError

_ENCRYPTED = frozenset((1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 15))
"""Modes that are defined and hide the content; the reserved ones are no statement at all."""

_BLOCK = 16


def opened(word: int, content: bytes, address: bytes, access: int, key: bytes | None) -> bytes:
    """Return the content as plain records.

    word     the configuration word: bits 8-12 the mode, bits 4-7 of mode 5 the encrypted blocks
    address  manufacturer, identification number, version, type: 8 bytes as sent; b"": not known
    access   the access number; address and eight times this one are the initial vector
    Errors   PayloadError "encrypted, mode n" without a key or for another mode than 5, and where
             the key is not the meter's
    """
    mode, size = word >> 8 & 0x1F, (word >> 4 & 0x0F) * _BLOCK
    if mode not in _ENCRYPTED or (mode == 5 and size == 0):
        return content
    if mode != 5 or key is None:
        wanted = "plain records" if mode != 5 else "plain records, or the key of this meter"
        raise PayloadError("M-Bus encryption", wanted, f"encrypted, mode {mode}")
    if len(key) != _BLOCK:
        raise PayloadError("M-Bus key", "16 bytes", f"{len(key)} bytes")
    if len(content) < size or len(address) != 8:
        raise PayloadError(
            "M-Bus encryption",
            f"{size} encrypted bytes, and the meter's address",
            f"{len(content)} bytes, and {len(address)} bytes of address",
        )
    cipher = Cipher(algorithms.AES128(key), modes.CBC(address + bytes([access]) * 8)).decryptor()
    plain = cipher.update(content[:size]) + cipher.finalize()
    if plain[:2] != b"\x2f\x2f":
        raise PayloadError("M-Bus key", "the key of this meter", "one that does not open it")
    return plain + content[size:]
