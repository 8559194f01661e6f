"""A device with passkeys, in software: what a browser would post for it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cbor import encode
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import AttestedCredentialData

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Device:
    """One passkey for one site; `unlocks` tells whether its person has to show who they are."""

    def __init__(self, origin: str = "http://localhost", *, unlocks: bool = True) -> None:
        self.origin = origin
        self.flags = PRESENT | (VERIFIED if unlocks else 0)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = sha256(repr(self.key.private_numbers()).encode()).digest()
        self.user_handle = b""

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer the question of the page where a passkey is added."""
        question = options["publicKey"]
        self.user_handle = websafe_decode(question["user"]["id"])
        public = ES256.from_cryptography_key(self.key.public_key())
        attested = AttestedCredentialData.create(bytes(16), self.credential_id, public)
        data = self._data(question["rp"]["id"], ATTESTED) + attested
        seen = encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer("webauthn.create", question["challenge"], attestationObject=seen)

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer the question of a page that asks who somebody is."""
        question = options["publicKey"]
        data = self._data(question["rpId"])
        told = self._told("webauthn.get", question["challenge"])
        signature = self.key.sign(data + sha256(told).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            "webauthn.get",
            question["challenge"],
            authenticatorData=data,
            signature=signature,
            userHandle=self.user_handle,
        )

    def _data(self, host: str, more: int = 0) -> bytes:
        return sha256(host.encode()).digest() + bytes([self.flags | more]) + bytes(4)

    def _told(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, kind: str, challenge: str, **parts: bytes) -> dict[str, Any]:
        known = websafe_encode(self.credential_id)
        told = {"clientDataJSON": self._told(kind, challenge), **parts}
        return {
            "type": "public-key",
            "id": known,
            "rawId": known,
            "response": {name: websafe_encode(part) for name, part in told.items()},
            "clientExtensionResults": {"credProps": {"rk": True}},
        }
