use passgate_kit::SigningKey;

use super::*;

/// Each algorithm that authenticators sign with, and what it is here.
const KEYS: [(&str, Algorithm); 6] = [
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::Ed25519),
    ("RS256", Algorithm::Rs256),
    ("PS256", Algorithm::Ps256),
];

fn key(alg: &str) -> Vec<u8> {
    SigningKey::of(alg, "k").cose_key()
}

/// A map of these pairs, which are encoded already.
fn map(pairs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xa0 | u8::try_from(pairs.len()).unwrap()];
    for (label, value) in pairs {
        bytes.push(*label);
        bytes.extend(*value);
    }
    bytes
}

/// The bytes of a coordinate in a P-256 key: x, then y.
fn coordinates(p256: &[u8]) -> [&[u8]; 2] {
    [&p256[8..42], &p256[43..77]]
}

#[test]
fn a_key_of_each_algorithm_verifies_what_its_authenticator_signs() {
    for (alg, algorithm) in KEYS {
        let signing = SigningKey::of(alg, "k");
        let (key, own) = read(&signing.cose_key()).unwrap();
        assert_eq!(own, algorithm, "{alg}");
        let signature = signing.sign(b"text");
        assert!(key.verifies(own, b"text", &signature), "{alg}");
        assert!(!key.verifies(own, b"text.", &signature), "{alg}");
    }
}

/// From the W3C's vectors (`core/tests/vectors/webauthn`), whose keys other software made.
#[test]
fn the_keys_of_the_w3c_are_read() {
    let file = include_str!("../../tests/vectors/webauthn/w3c_es256.json");
    let file: serde_json::Value = serde_json::from_str(file).unwrap();
    for vector in file["vectors"].as_array().unwrap() {
        let hex = vector["cose_key_hex"].as_str().unwrap().as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = hex.chunks(2).map(byte).collect();
        let [x, y] = coordinates(&bytes);
        let wanted = VerifyingKey::p256(&x[2..], &y[2..]).unwrap();
        assert_eq!(read(&bytes), Ok((wanted, Algorithm::Es256)));
    }
}

/// RFC 9864: the second names say the curve themselves.
#[test]
fn an_algorithm_has_two_names() {
    let key = key("ES256");
    let [x, y] = coordinates(&key);
    for alg in [0x26, 0x28] {
        let named = map(&[(1, &[2]), (3, &[alg]), (0x20, &[1]), (0x21, x), (0x22, y)]);
        assert_eq!(read(&named).unwrap().1, Algorithm::Es256);
    }
    let key = self::key("EdDSA");
    let x = &key[8..];
    let named = map(&[(1, &[1]), (3, &[0x32]), (0x20, &[6]), (0x21, x)]);
    assert_eq!(read(&named).unwrap().1, Algorithm::Ed25519);
    let key = self::key("ES384");
    for (name, is_it) in [(0x32_u8, true), (0x33, false)] {
        // Minus 51 and minus 52.
        let named = [&key[..4], &[0x38, name], &key[6..]].concat();
        assert_eq!(read(&named).is_ok(), is_it);
    }
}

#[test]
fn other_algorithms_are_not_supported() {
    let key = key("ES256");
    let [x, y] = coordinates(&key);
    let bytes: &[u8] = &[0x44, 1, 2, 3, 4];
    for (name, key) in [
        // ES256K, with its own curve and with another.
        (
            "ES256K",
            map(&[
                (1, &[2]),
                (3, &[0x38, 46]),
                (0x20, &[8]),
                (0x21, x),
                (0x22, y),
            ]),
        ),
        (
            "ES256K on P-256",
            map(&[
                (1, &[2]),
                (3, &[0x38, 46]),
                (0x20, &[1]),
                (0x21, x),
                (0x22, y),
            ]),
        ),
        (
            "Ed448",
            map(&[(1, &[1]), (3, &[0x38, 52]), (0x20, &[7]), (0x21, bytes)]),
        ),
        (
            "ML-DSA-65",
            map(&[(1, &[7]), (3, &[0x38, 48]), (0x20, bytes)]),
        ),
        (
            "RS1",
            map(&[
                (1, &[3]),
                (3, &[0x39, 0xff, 0xfe]),
                (0x20, bytes),
                (0x21, bytes),
            ]),
        ),
        (
            "RS384",
            map(&[(1, &[3]), (3, &[0x39, 1, 1]), (0x20, bytes), (0x21, bytes)]),
        ),
        // HMAC 256/256 is a positive number.
        ("HMAC", map(&[(1, &[4]), (3, &[5]), (0x20, bytes)])),
    ] {
        assert_eq!(read(&key), Err(UNSUPPORTED), "{name}");
    }
}

#[test]
fn alg_kty_and_crv_say_the_same() {
    let p256 = key("ES256");
    let [x, y] = coordinates(&p256);
    let with = |kty: u8, alg: &[u8], crv: u8| {
        map(&[(1, &[kty]), (3, alg), (0x20, &[crv]), (0x21, x), (0x22, y)])
    };
    assert!(read(&with(2, &[0x26], 1)).is_ok());
    for (key, why) in [
        // The algorithm is of another type.
        (with(3, &[0x26], 1), MISFIT),
        (with(1, &[0x26], 1), MISFIT),
        (with(2, &[0x27], 1), MISFIT),
        (with(2, &[0x39, 1, 0], 1), MISFIT),
        // It is of another curve, or the curve is another number.
        (with(2, &[0x38, 34], 1), MISFIT),
        (with(2, &[0x38, 35], 1), MISFIT),
        (with(2, &[0x26], 2), MISFIT),
        (with(2, &[0x26], 8), MISFIT),
        (
            with(2, &[0x38, 34], 2),
            "a coordinate does not have the length of the field",
        ),
        // A curve by its name, which is for JWK.
        (
            map(&[
                (1, &[2]),
                (3, &[0x26]),
                (0x20, b"\x65P-256"),
                (0x21, x),
                (0x22, y),
            ]),
            SHAPE,
        ),
        (
            map(&[
                (1, b"\x62EC"),
                (3, &[0x26]),
                (0x20, &[1]),
                (0x21, x),
                (0x22, y),
            ]),
            SHAPE,
        ),
    ] {
        assert_eq!(read(&key), Err(why), "{key:x?}");
    }
    let mut off_curve = p256;
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(read(&off_curve), Err("the point is not on the curve"));
}

#[test]
fn a_key_has_what_its_type_needs_and_nothing_else() {
    let p256 = key("ES256");
    let [x, y] = coordinates(&p256);
    let ed = key("EdDSA");
    let okp = &ed[8..];
    let rsa = key("RS256");
    let [n, e] = [&rsa[8..267], &rsa[268..]];
    assert_eq!((n.len(), e), (259, &[0x43, 1, 0, 1][..]));
    let compressed = map(&[
        (1, &[2]),
        (3, &[0x26]),
        (0x20, &[1]),
        (0x21, x),
        (0x22, &[0xf5]),
    ]);
    let rs256: &[u8] = &[0x39, 1, 0];
    let wide = [&[0x59, 1, 1, 0][..], &n[3..]].concat();
    for key in [
        vec![],
        vec![0xa0],
        b"\x80".to_vec(),
        compressed,
        // Parts that are missing.
        map(&[(3, &[0x26]), (0x20, &[1]), (0x21, x), (0x22, y)]),
        map(&[(1, &[2]), (0x20, &[1]), (0x21, x), (0x22, y)]),
        map(&[(1, &[2]), (3, &[0x26]), (0x21, x), (0x22, y)]),
        map(&[(1, &[2]), (3, &[0x26]), (0x20, &[1]), (0x21, x)]),
        map(&[(1, &[1]), (3, &[0x27]), (0x20, &[6])]),
        map(&[(1, &[3]), (3, rs256), (0x20, n)]),
        // Parts that are too many: kid, key_ops, a private key, y of an octet key.
        map(&[
            (1, &[2]),
            (2, &[0x41, 1]),
            (3, &[0x26]),
            (0x20, &[1]),
            (0x21, x),
            (0x22, y),
        ]),
        map(&[
            (1, &[2]),
            (3, &[0x26]),
            (4, &[0x80]),
            (0x20, &[1]),
            (0x21, x),
            (0x22, y),
        ]),
        map(&[
            (1, &[2]),
            (3, &[0x26]),
            (0x20, &[1]),
            (0x21, x),
            (0x22, y),
            (0x23, x),
        ]),
        map(&[
            (1, &[1]),
            (3, &[0x27]),
            (0x20, &[6]),
            (0x21, okp),
            (0x23, okp),
        ]),
        map(&[
            (1, &[1]),
            (3, &[0x27]),
            (0x20, &[6]),
            (0x21, okp),
            (0x22, okp),
        ]),
        map(&[(1, &[3]), (3, rs256), (0x20, n), (0x21, e), (0x22, n)]),
        // A number with a zero in front (RFC 8230 section 4).
        map(&[(1, &[3]), (3, rs256), (0x20, &wide), (0x21, e)]),
        map(&[
            (1, &[3]),
            (3, rs256),
            (0x20, n),
            (0x21, &[0x44, 0, 1, 0, 1]),
        ]),
        // Out of order, twice, and text as bytes.
        map(&[(3, &[0x26]), (1, &[2]), (0x20, &[1]), (0x21, x), (0x22, y)]),
        map(&[
            (1, &[2]),
            (1, &[2]),
            (3, &[0x26]),
            (0x20, &[1]),
            (0x21, x),
            (0x22, y),
        ]),
        map(&[
            (1, &[1]),
            (3, &[0x27]),
            (0x20, &[6]),
            (0x21, b"\x78\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ]),
        // Something behind it.
        [&*p256, &[0]].concat(),
        // A length that is not given.
        [&[0xbf], &p256[1..], &[0xff]].concat(),
    ] {
        assert_eq!(read(&key), Err(SHAPE), "{key:x?}");
    }
    let exponent = map(&[
        (1, &[3]),
        (3, rs256),
        (0x20, n),
        (0x21, &[0x44, 1, 0, 0, 1]),
    ]);
    assert_eq!(read(&exponent), Err("the exponent is longer than 17 bits"));
    let small: &[u8] = &[0x44, 0xff, 1, 0, 1];
    let small = map(&[(1, &[3]), (3, rs256), (0x20, small), (0x21, e)]);
    assert!(read(&small).unwrap_err().starts_with("the modulus"));
}

/// No prefix of a key is one, and no change of a byte makes it another of the same kind unseen.
#[test]
fn every_byte_of_a_key_counts() {
    for (alg, _) in KEYS {
        let bytes = key(alg);
        let whole = read(&bytes).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(SHAPE), "{alg} {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                // The other name of ES384 and ES512.
                let is_alias = at == 5 && bit == 4 && matches!(alg, "ES384" | "ES512");
                assert_eq!(read(&changed) == Ok(whole.clone()), is_alias, "{alg} {at}");
            }
        }
    }
}
