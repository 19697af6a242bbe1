//! The keys that a token is bound to (RFC 7800).

use super::dpop::{Thumbprint, thumbprint_of};
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
}

impl Binding {
    /// The binding of a token with these claims. `takes_jwk`: `cnf.jwk` is a key of DPoP proofs.
    /// `None`: it is bound in a way that nobody here can check, so it is of no use.
    pub(crate) fn of(claims: &Json, takes_jwk: bool) -> Option<Self> {
        let mut binding = Self::default();
        let members = match claims.get("cnf") {
            None => return Some(binding),
            Some(Json::Object(members)) if !members.is_empty() => members,
            Some(_) => return None,
        };
        for (name, value) in members {
            match &**name {
                "jkt" => binding.prove(thumbprint_of(value.as_str()?)?)?,
                "jwk" if takes_jwk => {
                    let jwk = jose::Jwk::public(value, limits::PROOF_RSA_BITS)?;
                    binding.prove(jose::thumbprint(&jwk.key))?;
                }
                "x5t#S256" => {
                    let digest = base64url(value.as_str()?)?;
                    binding.certificate = Some(digest.try_into().ok()?);
                }
                // Keycloak says with what the key of `jkt` is proved. It names no key.
                "kc-jkt-type" if value.as_str() == Some("DPoP") => {}
                _ => return None,
            }
        }
        (binding != Self::default()).then_some(binding)
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

    fn binding(cnf: &Value, takes_jwk: bool) -> Option<Binding> {
        let claims = json!({ "cnf": cnf }).to_string();
        Binding::of(&Json::parse(claims.as_bytes(), 100).unwrap(), takes_jwk)
    }

    #[test]
    fn cnf_names_the_keys_that_must_be_proved() {
        let key = SigningKey::es256("k");
        let dpop = thumbprint_of(&thumbprint(&key));
        let digest = passgate_kit::base64url([7; 32]);
        let certificate = Some([7; 32]);
        let unbound = Json::parse(b"{}", 100).unwrap();
        assert_eq!(Binding::of(&unbound, true), Some(Binding::default()));
        for (cnf, takes_jwk, wanted) in [
            (
                bound_to(&key),
                false,
                Binding {
                    dpop,
                    certificate: None,
                },
            ),
            (
                json!({ "jkt": thumbprint(&key), "kc-jkt-type": "DPoP" }),
                false,
                Binding {
                    dpop,
                    certificate: None,
                },
            ),
            (
                json!({ "x5t#S256": digest }),
                false,
                Binding {
                    dpop: None,
                    certificate,
                },
            ),
            (
                json!({ "x5t#S256": digest, "jkt": thumbprint(&key) }),
                false,
                Binding { dpop, certificate },
            ),
            (
                json!({ "jwk": public_members(&key) }),
                true,
                Binding {
                    dpop,
                    certificate: None,
                },
            ),
        ] {
            assert_eq!(binding(&cnf, takes_jwk), Some(wanted), "{cnf}");
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
            assert_eq!(binding(&cnf, true), None, "{cnf}");
        }
        assert_eq!(
            binding(&json!({ "jwk": public_members(&key) }), false),
            None
        );
    }
}
