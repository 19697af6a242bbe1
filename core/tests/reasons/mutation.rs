//! How each reason mutates the specimen.

use passgate_core::{
    Ambiguous, Body, Forbidden, Insufficient, Internal, Malformed, Missing, Reason, Unavailable,
    Untrusted,
};
use passgate_kit::{SigningKey, public_members};
use serde_json::json;

use super::{
    Ask, ISSUER, NOW, Specimen, approved, authorization, bound, covering, good,
    held::held,
    named::named,
    specimen,
    through::{calling, through},
    told::{flooded, told},
    with_revocations,
};

/// The mutation that is refused for this reason.
pub(crate) fn mutation(reason: &Reason) -> Specimen {
    match reason {
        Reason::Missing(Missing::Token { .. }) => Specimen {
            authorization: None,
            ..good()
        },
        Reason::Missing(Missing::Proof) => Specimen {
            dpop: None,
            ..bound(|proof| proof)
        },
        Reason::Missing(Missing::Peer) => through(&[]),
        Reason::Malformed(fact) => match fact {
            Malformed::Credential => authorization("Bearer "),
            Malformed::TokenSize => specimen(|token| token.claim("x", "x".repeat(20_000)).build()),
            Malformed::TokenShape => authorization("Bearer a.b"),
            Malformed::Base64url => specimen(|token| token.build() + "="),
            Malformed::Header => {
                specimen(|token| token.raw_header(r#"{"alg":"ES256","alg":"ES256"}"#).build())
            }
            Malformed::Claims => specimen(|token| token.claim("exp", "tomorrow").build()),
            Malformed::Crit => specimen(|token| token.header("crit", json!(["exp"])).build()),
            Malformed::Nested => specimen(|token| token.header("cty", "JWT").build()),
            Malformed::Proof => bound(|proof| proof.header("typ", "JWT")),
        },
        Reason::Ambiguous(fact) => match fact {
            Ambiguous::Credentials => {
                authorization(&format!("{},Bearer x", good().authorization.unwrap()))
            }
            Ambiguous::Path => Specimen {
                path: "/pay//1",
                ..good()
            },
            Ambiguous::Method => Specimen {
                method: "post",
                ..good()
            },
            Ambiguous::Authority => Specimen {
                authority: "user@api.example.com",
                ..good()
            },
            Ambiguous::Mcp => calling("read"),
        },
        Reason::Untrusted(fact) => match fact {
            Untrusted::TokenType => specimen(|token| token.header("typ", "dpop+jwt").build()),
            Untrusted::Algorithm => specimen(|token| token.header("alg", "HS256").build()),
            Untrusted::Issuer => {
                specimen(|token| token.claim("iss", "https://id.example.com/").build())
            }
            Untrusted::Key => specimen(|token| token.header("kid", "key-2").build()),
            Untrusted::Signature => Specimen {
                jwks: good().jwks,
                ..good()
            },
            Untrusted::Expired => specimen(|token| token.claim("exp", NOW - 60).build()),
            Untrusted::NotYetValid => specimen(|token| token.claim("nbf", NOW + 61).build()),
            Untrusted::IssuedInFuture => specimen(|token| token.claim("iat", NOW + 61).build()),
            Untrusted::Audience => {
                specimen(|token| token.claim("aud", "https://api.example.com/").build())
            }
            Untrusted::Lifetime => specimen(|token| token.claim("exp", NOW + 3_601).build()),
            Untrusted::KeyBound => {
                specimen(|token| token.claim("cnf", json!({ "jkt": "x" })).build())
            }
            Untrusted::ProofSignature => bound(|proof| proof.jws(|jws| jws.signature(&[1; 64]))),
            Untrusted::ProofKey => {
                let other = SigningKey::es256("other");
                bound(|proof| proof.header("jwk", public_members(&other)))
            }
            Untrusted::ProofRequest => bound(|proof| proof.claim("htm", "GET")),
            Untrusted::ProofTime => bound(|proof| proof.claim("iat", NOW - 61)),
            Untrusted::ProofNonce => {
                let mut specimen = bound(|proof| proof);
                specimen.config["rules"][1]["requires"]["proof"] = json!({ "dpop": {} });
                specimen
            }
            Untrusted::ProofReplayed => Specimen {
                earlier: 1,
                ..bound(|proof| proof)
            },
            Untrusted::ProofToken => bound(|proof| proof.token("another")),
            Untrusted::ProofOrigin => approved(|proof| proof.rp_id("evil.example")),
            Untrusted::ProofFlags => approved(|proof| proof.flags(0x04, &[])),
            Untrusted::ProofBody => Specimen {
                body: Body::Unread,
                ..approved(|proof| proof)
            },
            Untrusted::Credential => held(Some("[]")),
            Untrusted::Revoked => {
                let list = json!({
                    "version": 1, "epoch": 1, "sequence": 1, "generated_at": NOW,
                    "entries": [{ "sub": "alice" }],
                });
                Specimen {
                    revocations: Some(list.to_string()),
                    ..with_revocations()
                }
            }
            Untrusted::Inactive => told(Some(r#"{"active":false}"#)),
        },
        Reason::Insufficient(Insufficient::Scope { .. }) => {
            specimen(|token| token.claim("scope", "read").build())
        }
        Reason::Insufficient(Insufficient::Authentication { .. }) => {
            specimen(|token| token.claim("amr", json!(["pwd"])).build())
        }
        Reason::Insufficient(Insufficient::MaxAge { .. }) => {
            specimen(|token| token.claim("auth_time", NOW - 901).build())
        }
        Reason::Forbidden(fact) => match fact {
            Forbidden::NoRule => Specimen {
                path: "/payments",
                ..good()
            },
            Forbidden::Method => Specimen {
                method: "TRACE",
                ..good()
            },
            Forbidden::ExemptionEnded => Specimen {
                path: "/old",
                ..good()
            },
            Forbidden::Claim => specimen(|token| token.claim("groups", json!(["sales"])).build()),
            Forbidden::Audience => {
                specimen(|token| token.claim("aud", "https://other.example.com").build())
            }
            Forbidden::Kind => specimen(|token| token.claim("client_type", "robot").build()),
            Forbidden::CrossSite => {
                let mut specimen = good();
                let token = specimen.authorization.take().unwrap();
                specimen.cookie = Some(token.replace("Bearer ", "session="));
                specimen
            }
            Forbidden::BodySize => covering(Body::TooLarge),
            Forbidden::Peer => through(&["spiffe://mesh/ns/batch/sa/report"]),
            lacking @ (Forbidden::Role | Forbidden::Product | Forbidden::Denied) => named(lacking),
            Forbidden::Actor => {
                let mut specimen =
                    specimen(|token| token.claim("act", json!({ "sub": "agent-8" })).build());
                let requires = &mut specimen.config["rules"][1]["requires"];
                requires["kind"] = json!("agent");
                requires["actors"] = json!([format!("{ISSUER}/agent-7")]);
                specimen
            }
        },
        Reason::Unavailable(Unavailable::Keys { .. }) => Specimen {
            jwks: None,
            ..good()
        },
        Reason::Unavailable(Unavailable::UnknownKey { .. }) => {
            let mut specimen = mutation(&Untrusted::Key.into());
            specimen.then_down = true;
            specimen
        }
        Reason::Unavailable(Unavailable::WaitingLimit) => Specimen {
            ask: Ask::Overloaded,
            ..good()
        },
        Reason::Unavailable(Unavailable::WaitingTime) => Specimen {
            ask: Ask::WaitedTooLong,
            ..good()
        },
        Reason::Unavailable(Unavailable::Budget) => {
            let mut specimen = mutation(&Untrusted::Signature.into());
            specimen.config["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
            specimen.earlier = 1_000;
            specimen
        }
        Reason::Unavailable(Unavailable::ReplayMemory) => Specimen {
            proxy: None,
            ..bound(|proof| proof)
        },
        Reason::Unavailable(Unavailable::Body) => covering(Body::NotHandedOver),
        Reason::Unavailable(Unavailable::Streams) => {
            let mut specimen = Specimen {
                ask: Ask::Stream,
                ..good()
            };
            specimen.config["streams"] = json!({ "end_with_authority": true });
            specimen.config["limits"] = json!({ "streams": 1 });
            specimen
        }
        Reason::Unavailable(Unavailable::Revocations { .. }) => with_revocations(),
        Reason::Unavailable(Unavailable::Credentials { .. }) => held(None),
        Reason::Unavailable(Unavailable::Introspection { .. }) => told(None),
        Reason::Unavailable(Unavailable::Questions) => flooded(),
        Reason::Unavailable(Unavailable::StatusList { .. }) => {
            let uri = "https://id.example.com/status/1";
            let place = json!({ "status_list": { "idx": 0, "uri": uri } });
            let mut specimen = specimen(|token| token.claim("status", place).build());
            specimen.config["providers"]["acme"]["status_lists"] =
                json!({ "uri_prefix": "https://id.example.com/status/", "cluster": "id" });
            specimen
        }
        Reason::Internal(Internal::Host) => Specimen {
            ask: Ask::Failed(Internal::Host),
            ..good()
        },
        Reason::Internal(Internal::Clock) => Specimen {
            ask: Ask::Failed(Internal::Clock),
            ..good()
        },
    }
}
