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

/// A label and a value, which are encoded already.
type Pair<'a> = (u8, &'a [u8]);

const OKP: Pair<'_> = (1, &[1]);
const EC2: Pair<'_> = (1, &[2]);
const RSA: Pair<'_> = (1, &[3]);
const ES256: Pair<'_> = (3, &[0x26]);
const EDDSA: Pair<'_> = (3, &[0x27]);
const RS256: Pair<'_> = (3, &[0x39, 1, 0]);
const P256: Pair<'_> = (0x20, &[1]);
const ED25519: Pair<'_> = (0x20, &[6]);

/// A map of these.
fn map(pairs: &[Pair<'_>]) -> Vec<u8> {
    let mut bytes = vec![0xa0 | u8::try_from(pairs.len()).unwrap()];
    for (label, value) in pairs {
        bytes.push(*label);
        bytes.extend(*value);
    }
    bytes
}

/// The coordinates in a P-256 key.
fn coordinates(p256: &[u8]) -> [Pair<'_>; 2] {
    [(0x21, &p256[8..42]), (0x22, &p256[43..77])]
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
        let [(_, x), (_, y)] = coordinates(&bytes);
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
        let named = map(&[EC2, (3, &[alg]), P256, x, y]);
        assert_eq!(read(&named).unwrap().1, Algorithm::Es256);
    }
    let key = self::key("EdDSA");
    let x = &key[8..];
    let named = map(&[OKP, (3, &[0x32]), ED25519, (0x21, x)]);
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
    let es256k: Pair<'_> = (3, &[0x38, 46]);
    let rsa = |alg| map(&[RSA, (3, alg), (0x20, bytes), (0x21, bytes)]);
    for (name, key) in [
        // ES256K, with its own curve and with another.
        ("ES256K", map(&[EC2, es256k, (0x20, &[8]), x, y])),
        ("ES256K on P-256", map(&[EC2, es256k, P256, x, y])),
        (
            "Ed448",
            map(&[OKP, (3, &[0x38, 52]), (0x20, &[7]), (0x21, bytes)]),
        ),
        (
            "ML-DSA-65",
            map(&[(1, &[7]), (3, &[0x38, 48]), (0x20, bytes)]),
        ),
        ("RS1", rsa(&[0x39, 0xff, 0xfe])),
        ("RS384", rsa(&[0x39, 1, 1])),
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
    let with = |kty: u8, alg: &[u8], crv: u8| map(&[(1, &[kty]), (3, alg), (0x20, &[crv]), x, y]);
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
        (map(&[EC2, ES256, (0x20, b"\x65P-256"), x, y]), SHAPE),
        (map(&[(1, b"\x62EC"), ES256, P256, x, y]), SHAPE),
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
    let okp: Pair<'_> = (0x21, &ed[8..]);
    let rsa = key("RS256");
    let [n, e]: [Pair<'_>; 2] = [(0x20, &rsa[8..267]), (0x21, &rsa[268..])];
    assert_eq!((n.1.len(), e.1), (259, &[0x43, 1, 0, 1][..]));
    let text: &[u8] = b"\x78\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let wide = [&[0x59, 1, 1, 0][..], &n.1[3..]].concat();
    for key in [
        vec![],
        vec![0xa0],
        b"\x80".to_vec(),
        // A compressed point.
        map(&[EC2, ES256, P256, x, (0x22, &[0xf5])]),
        // Parts that are missing.
        map(&[ES256, P256, x, y]),
        map(&[EC2, P256, x, y]),
        map(&[EC2, ES256, x, y]),
        map(&[EC2, ES256, P256, x]),
        map(&[OKP, EDDSA, ED25519]),
        map(&[RSA, RS256, n]),
        // Parts that are too many: kid, key_ops, a private key, y of an octet key.
        map(&[EC2, (2, &[0x41, 1]), ES256, P256, x, y]),
        map(&[EC2, ES256, (4, &[0x80]), P256, x, y]),
        map(&[EC2, ES256, P256, x, y, (0x23, x.1)]),
        map(&[OKP, EDDSA, ED25519, okp, (0x23, okp.1)]),
        map(&[OKP, EDDSA, ED25519, okp, (0x22, okp.1)]),
        map(&[RSA, RS256, n, e, (0x22, n.1)]),
        // A number with a zero in front (RFC 8230 section 4).
        map(&[RSA, RS256, (0x20, &wide), e]),
        map(&[RSA, RS256, n, (0x21, &[0x44, 0, 1, 0, 1])]),
        // Out of order, twice, and text as bytes.
        map(&[ES256, EC2, P256, x, y]),
        map(&[EC2, EC2, ES256, P256, x, y]),
        map(&[OKP, EDDSA, ED25519, (0x21, text)]),
        // Something behind it.
        [&*p256, &[0]].concat(),
        // A length that is not given.
        [&[0xbf], &p256[1..], &[0xff]].concat(),
    ] {
        assert_eq!(read(&key), Err(SHAPE), "{key:x?}");
    }
    let exponent = map(&[RSA, RS256, n, (0x21, &[0x44, 1, 0, 0, 1])]);
    assert_eq!(read(&exponent), Err("the exponent is longer than 17 bits"));
    let small = map(&[RSA, RS256, (0x20, &[0x44, 0xff, 1, 0, 1]), e]);
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
