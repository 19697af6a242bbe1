//! What is asked, what is believed, and what happens to a host that answers oddly.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use core::cell::Cell;
use std::rc::Rc;

use passgate_kit::SigningKey;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::json;

use super::*;
use crate::{jose::JwkSet, limits::Limits};

/// A host as Envoy is, with another library behind it, and its faults.
#[derive(Clone, Debug, Default)]
struct Host {
    fault: Fault,
    asked: Rc<Cell<usize>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    Nothing,
    Absent,
    AlwaysYes,
    AlwaysNo,
    Chatty,
    /// Ends after so many answers.
    Ends(usize),
}

impl ForeignFunctions for Host {
    fn call(&self, name: &str, argument: &[u8]) -> Option<Vec<u8>> {
        assert_eq!(name, "verify_signature");
        self.asked.set(self.asked.get() + 1);
        let no = || b"\x12\x03bad".to_vec();
        match self.fault {
            Fault::Absent => None,
            Fault::Ends(after) if self.asked.get() > after => None,
            Fault::AlwaysYes => Some(vec![0x08, 0x01]),
            Fault::AlwaysNo => Some(no()),
            Fault::Chatty => Some(vec![0x08, 0x01, 0x12, 0x00]),
            Fault::Nothing | Fault::Ends(_) => Some(if is_right(argument) {
                vec![0x08, 0x01]
            } else {
                no()
            }),
        }
    }
}

/// Reads the message and verifies with `ring`, P-521 with the crate.
fn is_right(mut message: &[u8]) -> bool {
    let mut fields = Vec::new();
    for tag in [0x0a, 0x12, 0x1a, 0x22] {
        assert_eq!(message[0], tag);
        let (mut length, mut shift, mut at) = (0, 0, 1);
        loop {
            length |= usize::from(message[at] & 0x7f) << shift;
            shift += 7;
            at += 1;
            if message[at - 1] & 0x80 == 0 {
                break;
            }
        }
        fields.push(&message[at..at + length]);
        message = &message[at + length..];
    }
    assert!(message.is_empty());
    let [hash, key, signature, text] = fields[..] else {
        panic!("four fields");
    };
    // ring wants what the BIT STRING holds.
    let bits = match key.len() {
        91 => &key[26..],
        120 => &key[23..],
        158 => &key[25..],
        _ => &key[24..],
    };
    let algorithm: &dyn VerificationAlgorithm = match (hash, key.len()) {
        (b"sha256", 91) => &ECDSA_P256_SHA256_ASN1,
        (b"sha384", 120) => &ECDSA_P384_SHA384_ASN1,
        (b"sha512", 158) => {
            let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(bits).unwrap();
            use p521::ecdsa::signature::Verifier as _;
            return p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(text, &signature).is_ok());
        }
        (b"sha256", _) => &RSA_PKCS1_2048_8192_SHA256,
        (b"sha384", _) => &RSA_PKCS1_2048_8192_SHA384,
        (b"sha512", _) => &RSA_PKCS1_2048_8192_SHA512,
        _ => panic!("unknown hash"),
    };
    UnparsedPublicKey::new(algorithm, bits)
        .verify(text, signature)
        .is_ok()
}

fn tested(fault: Fault) -> Result<HostCrypto, Distrust> {
    let host = Host {
        fault,
        ..Host::default()
    };
    HostCrypto::tested(Box::new(host))
}

fn key(signing: &SigningKey) -> VerifyingKey {
    let set = json!({ "keys": [signing.public_jwk()] }).to_string();
    let set = JwkSet::parse(set.as_bytes(), &Limits::default()).unwrap();
    set.keys()[0].key.clone()
}

#[test]
fn a_host_that_answers_rightly_is_trusted_and_no_other() {
    assert!(tested(Fault::Nothing).is_ok());
    for (fault, distrust) in [
        (Fault::Absent, Distrust::Absent),
        (Fault::AlwaysYes, Distrust::Wrong),
        (Fault::AlwaysNo, Distrust::Wrong),
        (Fault::Chatty, Distrust::Wrong),
        (Fault::Ends(0), Distrust::Absent),
        (Fault::Ends(1), Distrust::Wrong),
        (Fault::Ends(17), Distrust::Wrong),
    ] {
        assert_eq!(tested(fault).unwrap_err(), distrust, "{fault:?}");
    }
    assert!(tested(Fault::Ends(18)).is_ok());
}

#[test]
fn the_host_says_what_the_crate_says() {
    let host = tested(Fault::Nothing).unwrap();
    for alg in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"] {
        let signing = SigningKey::of(alg, "k");
        let (key, algorithm) = (key(&signing), Algorithm::from_name(alg).unwrap());
        for number in 0..20_u8 {
            let text = [number; 40];
            let good = signing.sign(&text);
            let mut bad = good.clone();
            bad[usize::from(number)] ^= 1;
            for (text, signature) in [(&text[..], &good), (&text[1..], &good), (&text[..], &bad)] {
                let ours = key.verifies(algorithm, text, signature);
                let theirs = host.verifies(&key, algorithm, text, signature);
                assert_eq!(theirs.unwrap().unwrap(), ours, "{alg}");
            }
        }
    }
}

#[test]
fn a_host_that_fails_once_is_not_asked_again_and_no_verdict_changes() {
    let host = Host {
        fault: Fault::Ends(19),
        ..Host::default()
    };
    let asked = Rc::clone(&host.asked);
    let mut backend = crate::crypto::Backend::default();
    assert_eq!(backend.use_host(Box::new(host)), Ok(()));
    let signing = SigningKey::rs256("k");
    let (key, good) = (key(&signing), signing.sign(b"text"));
    for (lost, count) in [(false, 19), (true, 20), (false, 20)] {
        assert!(backend.verifies(&key, Algorithm::Rs256, b"text", &good));
        assert_eq!((backend.take_lost_host(), asked.get()), (lost, count));
    }
    assert!(!backend.verifies(&key, Algorithm::Rs256, b"texT", &good));
}

#[test]
fn what_is_no_question_for_the_host_is_not_asked() {
    let host = Host::default();
    let asked = Rc::clone(&host.asked);
    let crypto = HostCrypto::tested(Box::new(host)).unwrap();
    asked.set(0);
    for alg in ["EdDSA", "PS256"] {
        let signing = SigningKey::of(alg, "k");
        let algorithm = Algorithm::from_name(alg).unwrap();
        let signature = signing.sign(b"text");
        assert!(
            crypto
                .verifies(&key(&signing), algorithm, b"text", &signature)
                .is_none()
        );
    }
    // Not a signature of the curve: zero, and too short.
    let key = key(&SigningKey::of("ES384", "k"));
    for signature in [&[0; 96][..], &[1; 95]] {
        assert!(
            crypto
                .verifies(&key, Algorithm::Es384, b"text", signature)
                .is_none()
        );
    }
    assert_eq!(asked.get(), 0);
}

#[test]
fn only_one_message_says_yes() {
    assert_eq!(read(&[0x08, 0x01]), Some(true));
    for no in [&b""[..], b"\x08\x00", b"\x12\x03bad"] {
        assert_eq!(read(no), Some(false));
    }
    for odd in [
        &[0x08][..],
        &[0x08, 0x02],
        &[0x08, 0x01, 0x00],
        &[0x08, 0x01, 0x12, 0x00],
        &[0x18, 0x01],
        &[0x01],
    ] {
        assert_eq!(read(odd), None, "{odd:?}");
    }
}

#[test]
fn integers_are_positive_and_as_short_as_they_can_be() {
    assert_eq!(integer(&[0, 0, 1]), [2, 1, 1]);
    assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
    assert_eq!(integer(&[0]), [2, 1, 0]);
    assert_eq!(der(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
    assert_eq!(der(4, &[&[7; 256]])[..4], [4, 0x82, 1, 0]);
}
