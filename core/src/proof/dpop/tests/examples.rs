//! Thumbprints, and the examples of RFC 9449.

use super::*;

#[test]
fn a_thumbprint_is_32_bytes_in_strict_base64url() {
    let text = passgate_kit::thumbprint(&SigningKey::es256("k"));
    assert!(thumbprint_of(&text).is_some());
    for odd in ["", &text[1..], &format!("{text}="), &format!("{text}AA")] {
        assert_eq!(thumbprint_of(odd), None, "{odd}");
    }
}

/// The members in their order by a library that many keep, and the hash of another one.
#[test]
fn thumbprints_are_those_of_a_kept_library() {
    for alg in SigningKey::ALGORITHMS {
        let key = SigningKey::of(alg, "k");
        let text = public_members(&key).to_string();
        let theirs: jwt_compact::jwk::JsonWebKey<'_> = serde_json::from_str(&text).unwrap();
        let theirs = ring::digest::digest(&ring::digest::SHA256, theirs.to_string().as_bytes());
        let ours = judge(&key, &good(&key).build()).unwrap().thumbprint;
        assert_eq!(ours, theirs.as_ref(), "{alg}");
    }
}

/// The proofs of RFC 9449; `core/tests/vectors/README.md` says where the file comes from.
#[test]
fn the_examples_of_rfc_9449_say_what_they_should() {
    let file = include_str!("../../../../tests/vectors/dpop/rfc9449_examples.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let mut seen = 0;
    for example in file["examples"].as_array().unwrap() {
        let text = |value: &'_ Value| value.as_str().map(str::to_owned);
        let Some(proof) = text(&example["dpop"]) else {
            assert_eq!(example["name"], "cnf-claim-jwt");
            let jkt = example["payload"]["cnf"]["jkt"].as_str().unwrap();
            assert!(thumbprint_of(jkt).is_some());
            continue;
        };
        let proof = UnverifiedProof::parse(&proof).unwrap();
        let jkt = thumbprint_of(example["jkt"].as_str().unwrap()).unwrap();
        assert_eq!(proof.is_by(&jkt), Ok(()));
        assert!(proof.verify(&mut Backend::default()).is_ok());
        let iat = UnixTime::from_secs(example["payload"]["iat"].as_u64().unwrap());
        assert_eq!(proof.made_at(None, TERMS, iat), Ok(iat));
        assert!(proof.made_at(None, TERMS, NOW).is_err());
        if let Some(token) = text(&example["access_token"]) {
            let target = example["request"]["target"].as_str().unwrap();
            let asked = Asked {
                method: example["request"]["method"].as_str().unwrap(),
                origin: "https://resource.example.org",
                path: target
                    .strip_prefix("https://resource.example.org")
                    .unwrap()
                    .as_bytes(),
                token: &token,
                is_token_hidden: false,
            };
            assert_eq!(proof.is_for(asked), Ok(()));
            assert!(
                proof
                    .is_for(Asked {
                        token: "other",
                        ..asked
                    })
                    .is_err()
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

proptest::proptest! {
    #[test]
    fn no_text_panics_and_none_passes_unsigned(text in "[ -~]{0,60}(\\.[A-Za-z0-9_-]{0,20}){0,3}") {
        proptest::prop_assert!(UnverifiedProof::parse(&text).is_err());
    }

    /// One bit of a good proof.
    #[test]
    fn no_bit_of_a_proof_can_be_changed(at in 0usize..2_000, bit in 0u8..7) {
        let key = SigningKey::of("EdDSA", "k");
        let mut bytes = good(&key).build().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            proptest::prop_assert!(judge(&key, &text).is_err(), "{}", text);
        }
    }
}
