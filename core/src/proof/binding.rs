//! The keys that a token is bound to (RFC 7800).

use super::{
    bound::Passkey,
    dpop::{Thumbprint, thumbprint_of},
};
use crate::{
    jose::{self, base64url},
    json::Json,
    limits,
};

/// What `cnf` of a token names. Each key that it names must be proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Binding {
    /// The key of DPoP proofs: `jkt` (RFC 9449 section 6.1), or `jwk` where the provider means
    /// that.
    pub(crate) dpop: Option<Thumbprint>,
    /// SHA-256 of the client's certificate: `x5t#S256` (RFC 8705 section 3.1).
    pub(crate) certificate: Option<[u8; 32]>,
    /// The key of a person's authenticator: `jwk`, where the provider means that.
    pub(crate) passkey: Option<Box<Passkey>>,
    /// The provider says which passkeys the person has, and the token does not name one.
    pub(crate) is_of_holder: bool,
}

/// What `cnf.jwk` of a provider's tokens is (RFC 7800 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CnfJwk {
    /// The key of DPoP proofs. Anybody can have one bound, so it proves nothing of a person.
    Dpop,
    /// A key that was registered by WebAuthn, and by nothing else.
    Passkey,
}

impl Binding {
    /// The binding of a token with these claims; `cnf_jwk` says what `cnf.jwk` is. `None`: it is
    /// bound in a way that nobody here can check, so it is of no use.
    pub(crate) fn of(claims: &Json, cnf_jwk: Option<CnfJwk>) -> Option<Self> {
        let mut binding = Self::default();
        let members = match claims.get("cnf") {
            None => return Some(binding),
            Some(Json::Object(members)) if !members.is_empty() => members,
            Some(_) => return None,
        };
        for (name, value) in members {
            match &**name {
                "jkt" => binding.prove(thumbprint_of(value.as_str()?)?)?,
                "jwk" => match cnf_jwk? {
                    CnfJwk::Dpop => {
                        let jwk = jose::Jwk::public(value, limits::PROOF_RSA_BITS)?;
                        binding.prove(jose::thumbprint(&jwk.key))?;
                    }
                    CnfJwk::Passkey => binding.passkey = Some(Box::new(Passkey::of_jwk(value)?)),
                },
                "x5t#S256" => {
                    let digest = base64url(value.as_str()?)?;
                    binding.certificate = Some(digest.try_into().ok()?);
                }
                // Keycloak says with what the key of `jkt` is proved. It names no key.
                "kc-jkt-type" if value.as_str() == Some("DPoP") => {}
                _ => return None,
            }
        }
        // Some key, and one a token (RFC 7800 section 3.1).
        let is_one = binding.dpop.is_none() || binding.passkey.is_none();
        (is_one && binding != Self::default()).then_some(binding)
    }

    /// One key a token (RFC 7800 section 3.1).
    fn prove(&mut self, key: Thumbprint) -> Option<()> {
        self.dpop.replace(key).is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use passgate_kit::{SigningKey, bound_to, public_members, thumbprint};
    use serde_json::{Value, json};

    use super::*;

    fn binding(cnf: &Value, cnf_jwk: Option<CnfJwk>) -> Option<Binding> {
        let claims = json!({ "cnf": cnf }).to_string();
        Binding::of(&Json::parse(claims.as_bytes(), 100).unwrap(), cnf_jwk)
    }

    #[test]
    fn cnf_names_the_keys_that_must_be_proved() {
        let key = SigningKey::es256("k");
        let dpop = thumbprint_of(&thumbprint(&key));
        let digest = passgate_kit::base64url([7; 32]);
        let certificate = Some([7; 32]);
        let jwk = public_members(&key).to_string();
        let jwk = Json::parse(jwk.as_bytes(), 100).unwrap();
        assert!(Passkey::of_jwk(&jwk).is_some());
        let unbound = Json::parse(b"{}", 100).unwrap();
        assert_eq!(
            Binding::of(&unbound, Some(CnfJwk::Dpop)),
            Some(Binding::default())
        );
        for (cnf, cnf_jwk, wanted) in [
            (
                bound_to(&key),
                None,
                Binding {
                    dpop,
                    ..Binding::default()
                },
            ),
            (
                json!({ "jkt": thumbprint(&key), "kc-jkt-type": "DPoP" }),
                None,
                Binding {
                    dpop,
                    ..Binding::default()
                },
            ),
            (
                json!({ "x5t#S256": digest }),
                None,
                Binding {
                    certificate,
                    ..Binding::default()
                },
            ),
            (
                json!({ "x5t#S256": digest, "jkt": thumbprint(&key) }),
                None,
                Binding {
                    dpop,
                    certificate,
                    ..Binding::default()
                },
            ),
            (
                json!({ "jwk": public_members(&key) }),
                Some(CnfJwk::Dpop),
                Binding {
                    dpop,
                    ..Binding::default()
                },
            ),
            (
                json!({ "jwk": public_members(&key) }),
                Some(CnfJwk::Passkey),
                Binding {
                    passkey: Passkey::of_jwk(&jwk).map(Box::new),
                    ..Binding::default()
                },
            ),
        ] {
            assert_eq!(binding(&cnf, cnf_jwk), Some(wanted), "{cnf}");
        }
    }

    #[test]
    fn a_cnf_that_nobody_here_can_check_is_none() {
        let key = SigningKey::es256("k");
        let mut private = public_members(&key);
        private["d"] = json!("AQ");
        for cnf in [
            json!(null),
            json!({}),
            json!([]),
            json!("x"),
            json!({ "jkt": "x" }),
            json!({ "jkt": 7 }),
            json!({ "kid": "k" }),
            json!({ "jku": "https://id.example.com" }),
            json!({ "jkt": thumbprint(&key), "kid": "k" }),
            json!({ "jkt": thumbprint(&key), "kc-jkt-type": "another" }),
            json!({ "kc-jkt-type": "DPoP" }),
            json!({ "jkt": thumbprint(&key), "jwk": public_members(&key) }),
            json!({ "x5t#S256": "AQ" }),
            json!({ "x5t#S256": null }),
            json!({ "x5t": "AQ" }),
            json!({ "jwk": private }),
            json!({ "jwk": { "kty": "oct", "k": "AQ" } }),
        ] {
            assert_eq!(binding(&cnf, Some(CnfJwk::Dpop)), None, "{cnf}");
            assert_eq!(binding(&cnf, Some(CnfJwk::Passkey)), None, "{cnf}");
        }
        assert_eq!(binding(&json!({ "jwk": public_members(&key) }), None), None);
        // An RSA key could be for several algorithms.
        let mut rsa = public_members(&SigningKey::rs256("k"));
        assert_eq!(binding(&json!({ "jwk": rsa }), Some(CnfJwk::Passkey)), None);
        rsa["alg"] = json!("RS256");
        assert!(binding(&json!({ "jwk": rsa }), Some(CnfJwk::Passkey)).is_some());
    }
}
