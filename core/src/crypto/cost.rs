//! What it costs to check a signature, for the budget of wrong ones ([`crate::budget`]).
//!
//! The numbers are what `bench/forged` and `bench/cost` measured in V8
//! (docs/security/forged-tokens.md, docs/cost.md), rounded up. On another processor all of them are
//! longer or shorter alike.

use core::time::Duration;

use super::{Algorithm, Backend, Material, VerifyingKey};

/// ES256 without table and host.
const ALONE: Duration = Duration::from_micros(520);

impl Backend {
    /// The time of a processor that it takes to check a signature of this key now.
    pub(crate) fn cost(&self, key: &VerifyingKey, algorithm: Algorithm) -> Duration {
        match (&key.material, algorithm) {
            (Material::P256(key), _) if self.tables.has_table(key) => Duration::from_micros(90),
            (Material::P256(_), _) => ALONE,
            _ => self.cost_once(key, algorithm),
        }
    }

    /// The same for a key that has no table.
    pub(crate) fn cost_once(&self, key: &VerifyingKey, algorithm: Algorithm) -> Duration {
        let is_asked = self.host.is_some();
        Duration::from_micros(match (&key.material, algorithm) {
            (Material::P256(_), _) if is_asked => 120,
            (Material::P256(_), _) => return ALONE,
            (Material::P384(_), _) if is_asked => 560,
            (Material::P384(_), _) => 2_600,
            (Material::P521(_), _) if is_asked => 1_300,
            (Material::P521(_), _) => 3_000,
            (Material::Ed25519(_), _) => 130,
            (Material::Rsa(_), Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512)
                if is_asked =>
            {
                key.scaled_to_rsa(23).saturating_add(24)
            }
            (Material::Rsa(_), _) => key.scaled_to_rsa(320),
        })
    }
}

impl VerifyingKey {
    /// The cost for a longer RSA key than 2,048 bits: about four times as much for each doubling.
    fn scaled_to_rsa(&self, cost: u64) -> u64 {
        let length = u64::try_from(self.signature_length).unwrap_or(u64::MAX);
        let square = length.saturating_mul(length);
        // 256 bytes are 2,048 bits.
        cost.saturating_mul(square).div_euclid(256 * 256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        crypto::host::ForeignFunctions,
        jose::JwkSet,
        limits::{Limits, RSA_BITS_CEILING},
    };
    use passgate_kit::{SigningKey, base64url};
    use serde_json::json;

    /// What `bench/forged` printed last.
    const MEASURED: &str = include_str!("../../../docs/security/forged-tokens.md");

    #[derive(Debug)]
    struct Boring;

    impl ForeignFunctions for Boring {
        fn call(&self, _: &str, argument: &[u8]) -> Option<Vec<u8>> {
            Some(passgate_kit::verify_signature(argument))
        }
    }

    /// The public half, with a modulus of so many bits where it is RSA.
    fn public(key: &SigningKey, bits: usize) -> VerifyingKey {
        let mut jwk = key.public_jwk();
        if bits > 0 {
            let mut modulus = vec![0xa5; bits.div_euclid(8)];
            *modulus.last_mut().unwrap() = 1;
            jwk["n"] = json!(base64url(modulus));
        }
        let limits = Limits {
            rsa_bits: RSA_BITS_CEILING,
            ..Limits::default()
        };
        let set = json!({ "keys": [jwk] }).to_string();
        let set = JwkSet::parse(set.as_bytes(), &limits).unwrap();
        set.keys()[0].key.clone()
    }

    /// Rows of the table, with the algorithm, the size of an RSA key, and whether its tokens were
    /// good before.
    const ROWS: [(&str, Algorithm, usize, bool); 11] = [
        ("ES256, the key's first tokens", Algorithm::Es256, 0, false),
        ("ES256, a key in use", Algorithm::Es256, 0, true),
        ("ES384", Algorithm::Es384, 0, false),
        ("ES512", Algorithm::Es512, 0, false),
        ("EdDSA, Ed25519", Algorithm::EdDsa, 0, false),
        ("RS256, 2,048 bits", Algorithm::Rs256, 2_048, false),
        ("RS512, 2,048 bits", Algorithm::Rs512, 2_048, false),
        ("PS256, 2,048 bits", Algorithm::Ps256, 2_048, false),
        ("RS256, 4,096 bits", Algorithm::Rs256, 4_096, false),
        ("PS256, 4,096 bits", Algorithm::Ps256, 4_096, false),
        (
            "RS256, 8,192 bits (`limits.rsa_bits`)",
            Algorithm::Rs256,
            8_192,
            false,
        ),
    ];

    #[test]
    fn each_kind_costs_what_was_measured_and_little_more() {
        for (name, algorithm, bits, in_use) in ROWS {
            let start = format!("| {name} | ");
            let row = MEASURED.lines().find_map(|line| line.strip_prefix(&*start));
            let measured: u128 = row.unwrap().trim_end_matches(" |").parse().unwrap();
            let mut crypto = Backend::default();
            crypto.use_host(Box::new(Boring)).unwrap();
            let signing_key = SigningKey::of(algorithm.name(), "k");
            let key = public(&signing_key, bits);
            if in_use {
                let signature = signing_key.sign(b"text");
                for _ in 0..2 {
                    assert!(crypto.verifies(&key, algorithm, b"text", &signature));
                }
            }
            let cost = crypto.cost(&key, algorithm).as_micros();
            assert!(
                measured <= cost && cost * 4 <= measured * 5,
                "{name}: {cost}, measured {measured}"
            );
        }
    }

    #[test]
    fn without_the_host_it_costs_what_the_module_takes() {
        let mut crypto = Backend::default();
        let kinds = [("ES384", 0), ("ES512", 0), ("RS256", 2_048)];
        let keys = kinds.map(|(alg, bits)| {
            let key = public(&SigningKey::of(alg, "k"), bits);
            (Algorithm::from_name(alg).unwrap(), key)
        });
        let costs = |crypto: &Backend| keys.each_ref().map(|(alg, key)| crypto.cost(key, *alg));
        let alone = costs(&crypto);
        crypto.use_host(Box::new(Boring)).unwrap();
        for (alone, asked) in alone.into_iter().zip(costs(&crypto)) {
            assert!(alone > asked * 2, "{alone:?} {asked:?}");
        }
    }
}
