"""Published examples: RFC 7515 (JWS), RFC 3394 (key wrap), NIST SP 800-38A (CBC) and 800-38D (GCM)."""

import base64
from typing import Any

from tests.flow import jobs
from tests.flow.world import World
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.kube.resources import SECRETS

# RFC 7515, appendix A.2
RS256_KEY = {
    "kty": "RSA",
    "e": "AQAB",
    "n": (
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
        "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
        "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
        "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
    ),
    "d": (
        "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXO"
        "oAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51"
        "gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3c"
        "cPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
    ),
    "p": (
        "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5P"
        "JdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"
    ),
    "q": (
        "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZ"
        "D_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"
    ),
}
RS256_JWS = (
    "eyJhbGciOiJSUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
    "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
    "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
    "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
# RFC 7515, appendix A.3 and A.4
ES256_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
ES256_PAYLOAD = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
ES256_JWS = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
ES512_KEY = {
    "kty": "EC",
    "crv": "P-521",
    "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    "d": "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C",
}
ES512_JWS = (
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
    "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD"
    "2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
)


def octets(text: str) -> str:
    """Hexadecimal digits of a standard, in base64."""
    return base64.b64encode(bytes.fromhex(text)).decode()


def oct_key(key: str) -> dict[str, str]:
    return {"kty": "oct", "k": base64.urlsafe_b64encode(bytes.fromhex(key)).decode().rstrip("=")}


def import_key(world: World, name: str, jwk: dict[str, str]) -> None:
    now = int(world.clock.an_hour_ago().timestamp())
    operations = ("sign", "verify") if jwk["kty"] != "oct" else ("encrypt", "decrypt", "wrapKey", "unwrapKey")
    world.vault.vault.keys.import_key(
        name, jwk, now=now, hsm=jwk["kty"] == "oct", changes=Changes(operations=operations)
    )


async def test_jws_of_the_rfc(world: World) -> None:
    import_key(world, "rs256", RS256_KEY)
    import_key(world, "es256", ES256_KEY)
    import_key(world, "es512", ES512_KEY)
    await jobs.connect(world)
    for name, payload, jws in (
        ("rs256", ES256_PAYLOAD, RS256_JWS),
        ("es256", ES256_PAYLOAD, ES256_JWS),
        ("es512", b"Payload", ES512_JWS),
    ):
        source = {"value": base64.b64encode(payload).decode()}
        header, _, signature = jws.split(".")
        forms: dict[str, dict[str, Any]] = {
            f"{name}-whole": {"value": jws, "format": "JWS"},
            f"{name}-detached": {"value": f"{header}..{signature}", "format": "JWSDetached"},
        }
        for job, given in forms.items():
            await jobs.submit(world, job, "Verify", name, input=source, signature=given, failOnInvalid=True)
        await jobs.complete(world, *forms)


async def test_the_rsa_signature_of_the_rfc_is_the_one_that_we_make(world: World) -> None:
    """RS256 knows no chance: the same key and input give the same bytes."""
    import_key(world, "rs256", RS256_KEY)
    await jobs.connect(world)
    signing_input, _, signature = RS256_JWS.rpartition(".")
    await jobs.submit(world, "sign", "Sign", "rs256", algorithm="RS256", input={"text": signing_input})
    await jobs.complete(world, "sign")
    assert await jobs.result(world, "sign") == base64.urlsafe_b64decode(f"{signature}==")


# RFC 3394, 4.1, 4.3 and 4.6
WRAPS = {
    "A128KW": (
        "000102030405060708090A0B0C0D0E0F",
        "00112233445566778899AABBCCDDEEFF",
        "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5",
    ),
    "A256KW": (
        "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
        "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
        "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
    ),
}


async def test_key_wrap_of_the_rfc(world: World) -> None:
    for algorithm, (key, _, _) in WRAPS.items():
        import_key(world, algorithm, oct_key(key))
    await jobs.connect(world)
    data = {name: octets(plain) for name, (_, plain, _) in WRAPS.items()}
    await world.create(SECRETS, "keys", data=data)
    for algorithm, (_, _, wrapped) in WRAPS.items():
        name = algorithm.lower()
        source = {"secretKeyRef": {"name": "keys", "key": algorithm}}
        named = {"algorithm": algorithm}
        await jobs.submit(world, f"wrap-{name}", "WrapKey", algorithm, input=source, **named)
        given = {"value": octets(wrapped)}
        output: dict[str, Any] = {"secret": {}}
        await jobs.submit(
            world, f"unwrap-{name}", "UnwrapKey", algorithm, input=given, output=output, **named
        )
        await jobs.complete(world, f"wrap-{name}", f"unwrap-{name}")
        assert await jobs.result(world, f"wrap-{name}") == bytes.fromhex(wrapped)
        assert await world.secret(f"unwrap-{name}") == {"result": bytes.fromhex(data_of(algorithm))}


def data_of(algorithm: str) -> str:
    return WRAPS[algorithm][1]


# NIST SP 800-38A, F.2.1 (first block), and the GCM specification's test case 4
CBC = {
    "key": "2b7e151628aed2a6abf7158809cf4f3c",
    "iv": "000102030405060708090a0b0c0d0e0f",
    "plain": "6bc1bee22e409f96e93d7e117393172a",
    "cipher": "7649abac8119b246cee98e9b12e9197d",
}
GCM = {
    "key": "feffe9928665731c6d6a8f9467308308",
    "iv": "cafebabefacedbaddecaf888",
    "aad": "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    "plain": "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    "cipher": "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
    "tag": "5bc94fbc3221a5db94fae95ae7121a47",
}


async def test_aes_of_nist(world: World) -> None:
    import_key(world, "cbc", oct_key(CBC["key"]))
    import_key(world, "gcm", oct_key(GCM["key"]))
    await jobs.connect(world)
    await world.create(SECRETS, "plain", data={"block": octets(CBC["plain"])})
    source, iv = {"secretKeyRef": {"name": "plain", "key": "block"}}, {"value": octets(CBC["iv"])}
    await jobs.submit(world, "encrypt", "Encrypt", "cbc", algorithm="A128CBC", input=source, iv=iv)
    for name, vector, algorithm in (("cbc", CBC, "A128CBC"), ("gcm", GCM, "A128GCM")):
        extras = {
            field: {"value": octets(vector[field])} for field in ("iv", "aad", "tag") if field in vector
        }
        given = {"value": octets(vector["cipher"])}
        await jobs.submit(
            world, name, "Decrypt", name, algorithm=algorithm, input=given, output={"secret": {}}, **extras
        )
    await jobs.complete(world, "encrypt", "cbc", "gcm")
    assert await jobs.result(world, "encrypt") == bytes.fromhex(CBC["cipher"])
    assert await world.secret("cbc") == {"result": bytes.fromhex(CBC["plain"])}
    assert await world.secret("gcm") == {"result": bytes.fromhex(GCM["plain"])}
