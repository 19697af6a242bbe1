//! Signatures that the host checks, with machine code and a library of its own, where it can and we
//! saw it do so.
//!
//! Envoy offers `verify_signature` to modules: RSASSA-PKCS1-v1_5 and ECDSA, by BoringSSL. It is
//! asked where that is faster than what this crate can do in a virtual machine: RSA, P-384 and
//! P-521. P-256 keys of issuers have their tables. Those of proofs do not, and the host is asked
//! about them. Envoy does not offer RSASSA-PSS and Ed25519. Before it is asked
//! anything else, it has to answer [`KNOWN`] rightly, the bad signatures too. After the first time
//! that it does not answer, it is not asked again.

use core::fmt::Debug;
use std::borrow::Cow;

use super::{
    Algorithm, Material, VerifyingKey,
    der::{der, integer},
    ec::{Es256Signature, Es384Signature, Es512Signature},
};

/// Functions of the host that modules may call by name.
pub trait ForeignFunctions: Debug {
    /// What the function answers to this argument; `None` where such a function does not exist, or
    /// it failed.
    fn call(&self, name: &str, argument: &[u8]) -> Option<Vec<u8>>;
}

/// Why the host is not trusted with signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It offers no such function.
    Absent,
    /// It gave a wrong answer to a question whose answer is known.
    Wrong,
    /// The configuration does not want it.
    Refused,
}

impl Distrust {
    /// Why, for the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "the host offers no function for it",
            Self::Wrong => "the host's function answers wrongly",
            Self::Refused => "host_crypto is false",
        }
    }
}

/// The host's function, after it has passed the test.
#[derive(Debug)]
pub(super) struct HostCrypto(Box<dyn ForeignFunctions>);

/// Its name.
const FUNCTION: &str = "verify_signature";

/// What the host is asked.
struct Question<'a> {
    /// In the host's words.
    hash: &'static str,
    /// SubjectPublicKeyInfo, DER.
    public_key: &'a [u8],
    /// As long as the modulus, or ECDSA-Sig-Value (RFC 3279 section 2.2.3), DER.
    signature: &'a [u8],
    text: &'a [u8],
}

/// A question to which the answer is yes. `host/README.md` says where the files come from.
const fn known(
    hash: &'static str,
    public_key: &'static [u8],
    signature: &'static [u8],
) -> Question<'static> {
    Question {
        hash,
        public_key,
        signature,
        text: b"passgate",
    }
}

const RSA: &[u8] = include_bytes!("host/rsa.spki");

/// One for each combination that is asked later.
const KNOWN: [Question<'static>; 6] = [
    known("sha256", RSA, include_bytes!("host/rsa-sha256.signature")),
    known("sha384", RSA, include_bytes!("host/rsa-sha384.signature")),
    known("sha512", RSA, include_bytes!("host/rsa-sha512.signature")),
    known(
        "sha256",
        include_bytes!("host/p256.spki"),
        include_bytes!("host/p256.signature"),
    ),
    known(
        "sha384",
        include_bytes!("host/p384.spki"),
        include_bytes!("host/p384.signature"),
    ),
    known(
        "sha512",
        include_bytes!("host/p521.spki"),
        include_bytes!("host/p521.signature"),
    ),
];

impl HostCrypto {
    /// Takes a host into service that answers rightly: yes to what is right, no to another text, no
    /// to garbage.
    pub(super) fn tested(host: Box<dyn ForeignFunctions>) -> Result<Self, Distrust> {
        let tested = Self(host);
        for (index, known) in KNOWN.iter().enumerate() {
            let answer = tested.0.call(FUNCTION, &write(known));
            match answer.as_deref().map(read) {
                Some(Some(true)) => {}
                None if index == 0 => return Err(Distrust::Absent),
                _ => return Err(Distrust::Wrong),
            }
            let other_text = Question {
                text: b"passgatf",
                ..*known
            };
            let garbage = vec![0x5a; known.signature.len()];
            let garbage = Question {
                signature: &garbage,
                ..*known
            };
            if tested.ask(&other_text) != Some(false) || tested.ask(&garbage) != Some(false) {
                return Err(Distrust::Wrong);
            }
        }
        Ok(tested)
    }

    /// Whether this is the key's signature over the text, if that is a question for the host. An
    /// error: it failed.
    pub(super) fn verifies(
        &self,
        key: &VerifyingKey,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
    ) -> Option<Result<bool, Failed>> {
        let (hash, signature) = match (&key.material, algorithm) {
            (Material::Rsa(_), Algorithm::Rs256) => ("sha256", signature.into()),
            (Material::Rsa(_), Algorithm::Rs384) => ("sha384", signature.into()),
            (Material::Rsa(_), Algorithm::Rs512) => ("sha512", signature.into()),
            (Material::P256(_), Algorithm::Es256) => {
                ("sha256", ecdsa::<Es256Signature>(signature)?)
            }
            (Material::P384(_), Algorithm::Es384) => {
                ("sha384", ecdsa::<Es384Signature>(signature)?)
            }
            (Material::P521(_), Algorithm::Es512) => {
                ("sha512", ecdsa::<Es512Signature>(signature)?)
            }
            _ => return None,
        };
        let question = Question {
            hash,
            public_key: key.spki.as_deref()?,
            signature: &signature,
            text,
        };
        Some(self.ask(&question).ok_or(Failed))
    }

    fn ask(&self, question: &Question<'_>) -> Option<bool> {
        read(&self.0.call(FUNCTION, &write(question))?)
    }
}

/// The host did not answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// The protobuf message `VerifySignatureArguments`: four fields of bytes, numbered from 1.
fn write(question: &Question<'_>) -> Vec<u8> {
    let fields = [
        question.hash.as_bytes(),
        question.public_key,
        question.signature,
        question.text,
    ];
    let size: usize = fields
        .iter()
        .map(|field| field.len().saturating_add(6))
        .sum();
    let mut message = Vec::with_capacity(size);
    for (field, tag) in fields.into_iter().zip([0x0a, 0x12, 0x1a, 0x22]) {
        message.push(tag);
        let mut length = field.len();
        while length >= 0x80 {
            message.push(0x80 | low_bits(length));
            length >>= 7;
        }
        message.push(low_bits(length));
        message.extend_from_slice(field);
    }
    message
}

/// The lowest seven bits.
fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// The protobuf message `VerifySignatureResult`. "Yes" is exactly one message: the field `result`,
/// true. "No" is an error's text, or an empty message. The success of the call says neither.
fn read(message: &[u8]) -> Option<bool> {
    match message {
        [0x08, 0x01] => Some(true),
        [] | [0x08, 0x00, ..] | [0x12, ..] => Some(false),
        _ => None,
    }
}

/// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of the keys that the host is asked about, DER.
pub(super) fn spki(key: &Material) -> Option<Vec<u8>> {
    /// rsaEncryption with NULL (RFC 3279 section 2.3.1).
    const RSA: &[u8] = &[
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    /// id-ecPublicKey with secp256r1 (RFC 5480 section 2.1.1).
    const P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    /// The same with secp384r1.
    const P384: &[u8] = &[
        0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
        0x04, 0x00, 0x22,
    ];
    /// The same with secp521r1.
    const P521: &[u8] = &[
        0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
        0x04, 0x00, 0x23,
    ];
    let (algorithm, bits) = match key {
        Material::Rsa(key) => (RSA, super::rsa::public_key(key)),
        Material::P256(key) => (P256, key.to_sec1_point(false).as_bytes().to_vec()),
        Material::P384(key) => (P384, key.to_sec1_point(false).as_bytes().to_vec()),
        Material::P521(key) => (P521, key.to_sec1_point(false).as_bytes().to_vec()),
        Material::Ed25519(_) => return None,
    };
    Some(der(0x30, &[algorithm, &der(0x03, &[&[0], &bits])]))
}

/// `r` and `s` as DER, if the bytes are a signature of this type at all.
fn ecdsa<S: jwt_compact::AlgorithmSignature>(signature: &[u8]) -> Option<Cow<'_, [u8]>> {
    S::try_from_slice(signature).ok()?;
    let (r, s) = signature.split_at_checked(signature.len().div_euclid(2))?;
    Some(der(0x30, &[&integer(r), &integer(s)]).into())
}

#[cfg(test)]
mod tests;
