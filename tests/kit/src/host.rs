//! Envoy's function `verify_signature`, with another library behind it.

use p521::ecdsa::signature::Verifier as _;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// Answers a message `VerifySignatureArguments` as Envoy does, with a `VerifySignatureResult`: yes,
/// or an error's text.
///
/// # Panics
/// On a message that is none, and on a combination of hash and key that Envoy would not know what
/// to do with.
pub fn verify_signature(arguments: &[u8]) -> Vec<u8> {
    let [hash, key, signature, text] = fields(arguments);
    if is_right(hash, key, signature, text) {
        vec![0x08, 0x01]
    } else {
        b"\x12\x0fwrong signature".to_vec()
    }
}

/// Its four fields: name of the hash, SubjectPublicKeyInfo, signature, text.
fn fields(mut message: &[u8]) -> [&[u8]; 4] {
    let fields = [0x0a, 0x12, 0x1a, 0x22].map(|tag| {
        assert_eq!(message[0], tag, "a field of bytes");
        let bytes = message[1..].iter().take_while(|byte| **byte & 0x80 != 0);
        let (length, content) = message[1..].split_at(bytes.count() + 1);
        let digits = length.iter().rev();
        let length = digits.fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        let (field, rest) = content.split_at(length);
        message = rest;
        field
    });
    assert!(message.is_empty(), "nothing after the fields");
    fields
}

/// The beginnings of SubjectPublicKeyInfo of P-256, P-384 and P-521, up to the point.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const P521: &[u8] = b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00";

fn is_right(hash: &[u8], key: &[u8], signature: &[u8], text: &[u8]) -> bool {
    let ring = |algorithm: &'static dyn VerificationAlgorithm, bits: &[u8]| {
        let key = UnparsedPublicKey::new(algorithm, bits);
        key.verify(text, signature).is_ok()
    };
    if let (b"sha256", Some(point)) = (hash, key.strip_prefix(P256)) {
        return ring(&ECDSA_P256_SHA256_ASN1, point);
    }
    if let (b"sha384", Some(point)) = (hash, key.strip_prefix(P384)) {
        return ring(&ECDSA_P384_SHA384_ASN1, point);
    }
    if let (b"sha512", Some(point)) = (hash, key.strip_prefix(P521)) {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point).expect("a point");
        return p521::ecdsa::Signature::from_der(signature)
            .is_ok_and(|signature| key.verify(text, &signature).is_ok());
    }
    // rsaEncryption, NULL, and a BIT STRING of less than 64 KiB with the PKCS #1 key.
    let rsa = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    assert_eq!(&key[4..19], rsa, "a key of a kind that Envoy knows");
    let algorithm = match hash {
        b"sha256" => &RSA_PKCS1_2048_8192_SHA256,
        b"sha384" => &RSA_PKCS1_2048_8192_SHA384,
        b"sha512" => &RSA_PKCS1_2048_8192_SHA512,
        other => panic!("a hash that Envoy does not know: {other:?}"),
    };
    ring(algorithm, &key[24..])
}
