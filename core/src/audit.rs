//! The record of one verdict, for the operator: who, what, and why not. Never token text.

mod actors;
mod auditor;
mod correlation;
mod counter;
mod line;
mod proof;
mod quota;
#[cfg(feature = "schema")]
mod schema;
mod settings;
mod shadow;

use std::rc::Rc;

pub(crate) use self::{
    actors::NamedActors, correlation::Correlation, line::Line, proof::shown_key,
};
pub use self::{
    auditor::{Auditor, LeftOut, Written},
    counter::{Counter, Counters},
    proof::ShownProof,
    settings::{Audit, Labels, Lines, SubjectForm},
    shadow::Shadow,
};
use crate::{
    evidence::Proved,
    json::Json,
    provider_id::ProviderId,
    request::Request,
    text::{cut, shown},
    version::SOFTWARE,
};

/// The version of the record's shape. It grows when a member is removed, changes its meaning, or
/// from then on stands in every record. It does not grow when a member is added that may be absent.
pub(crate) const VERSION: u8 = 3;

/// The JSON Schema of the record (draft 2020-12), exact for this version of the filter.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::document()
}

/// One verdict. Values that were seen in a token are cut to [`SHOWN_BYTES`](crate::limits::SHOWN_BYTES); those under `seen` are what
/// the token *says*, believed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRecord {
    /// Grows when a member goes or changes its meaning.
    pub version: u8,
    /// When it was decided, in the form of RFC 3339, UTC.
    pub time: Option<String>,
    /// `allow` or `deny`; `cut` for an open stream that is ended; `shadow` where nothing is done
    /// about it.
    pub decision: &'static str,
    /// The reason's code, or why it was permitted.
    pub reason: &'static str,
    /// Index of the rule that matched the request. Where several matched, it is the one that
    /// refused, or whose permit this is.
    pub rule: Option<usize>,
    /// The name of that rule, where it has one.
    pub rule_name: Option<Rc<str>>,
    /// Name of the provider whose token it was.
    pub provider: Option<Rc<str>>,
    /// The same provider by its index; not written.
    pub provider_id: Option<ProviderId>,
    /// `iss` of a verified token, for the hash of its subject; not written.
    pub issuer: Option<Rc<str>>,
    /// `kid` of the key that verified the token.
    pub key_id: Option<Rc<str>>,
    /// Subject of a verified token. The [`Auditor`] decides how it is shown.
    pub subject: Option<Rc<str>>,
    /// Its signature was checked on an earlier request.
    pub remembered: bool,
    /// Kind of a verified token, or of the workload that needs none.
    pub kind: Option<&'static str>,
    /// Who acts for the subject of a verified token. The [`Auditor`] decides how it is shown.
    pub actor: Option<Rc<str>>,
    /// What counters call that actor, where they name actors, with its number; not written.
    pub actor_label: Option<(Rc<str>, usize)>,
    /// The roles of a caller that is let pass.
    pub roles: Vec<Rc<str>>,
    /// The product of a caller that is let pass, with its index, which is not written.
    pub product: Option<(Rc<str>, u16)>,
    /// SPIFFE ID of the workload at the other end of the connection, where the rule, a role or a
    /// product asks for it.
    pub peer: Option<Rc<str>>,
    /// Method and name of what the request calls, where a rule about its path wants to know.
    pub call: Option<(Box<str>, Option<Box<str>>)>,
    /// What the sign-in behind a verified token proves.
    pub facts: Vec<&'static str>,
    /// Age of that sign-in, in seconds.
    pub authentication_age: Option<u64>,
    /// How its sender proved to hold the key that the token is bound to, or failed to.
    pub proof: Option<ShownProof>,
    /// The model of the authenticator by which a passkey has approved the request.
    pub aaguid: Option<Box<str>>,
    /// Keyed hash of the id of that passkey.
    pub credential: Option<Rc<str>>,
    /// Keyed hash of a verified token.
    pub token: Option<Rc<str>>,
    /// The proof carries a nonce of now that another replica has made; not written.
    pub has_foreign_nonce: bool,
    /// What the token says, for refusals.
    pub seen: Option<Seen>,
    /// What the provider or the rule expected instead.
    pub expected: Option<String>,
    /// What a browser got in place of a 401: `redirect`, or `page` where that did not help before.
    pub login: Option<&'static str>,
    /// What would have been done if the rule were enforced.
    pub shadow: Option<Shadow>,
    /// The host's id of the request.
    pub request_id: Option<String>,
    /// Hash of the configuration.
    pub policy: Rc<str>,
    /// The host's name for this instance of the filter.
    pub plugin: Rc<str>,
    /// The name of the gate, as it is configured.
    pub gate: Option<Rc<str>>,
}

/// What a token says, believed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `alg`, where it is one that we verify.
    pub algorithm: Option<&'static str>,
    /// `typ`
    pub token_type: Option<String>,
    /// `kid`
    pub kid: Option<String>,
    /// `iss`
    pub issuer: Option<String>,
    /// The audience claim, as JSON.
    pub audience: Option<String>,
    /// `exp`, in the form of RFC 3339; as JSON where it is not a date.
    pub expires: Option<String>,
}

impl AuditRecord {
    /// What the sign-in proves, to the rule or, where it falls short, at all.
    pub(crate) fn proved(&mut self, proved: &Proved) {
        self.facts = proved.facts.words();
        self.authentication_age = proved.age.map(|age| age.as_secs());
    }

    pub(crate) fn new(request: Request<'_>, policy: &Rc<str>, gate: Option<&Rc<str>>) -> Self {
        Self {
            version: VERSION,
            request_id: request.id().map(str::to_owned),
            policy: Rc::clone(policy),
            gate: gate.map(Rc::clone),
            ..Self::default()
        }
    }

    /// Whether it was refused, or would have been.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let decision = self
            .shadow
            .as_ref()
            .map_or(self.decision, |shadow| shadow.decision);
        decision != "allow"
    }

    /// What is counted about the proof: its kind, where it has counted, or that its nonce is
    /// another replica's.
    #[must_use]
    pub fn proof_counter(&self) -> Option<&'static str> {
        if self.has_foreign_nonce {
            return Some("foreign_nonce");
        }
        let is_permit = self.decision == "allow";
        self.proof
            .as_ref()
            .filter(|_| is_permit)
            .map(|proof| proof.kind)
    }

    /// One line of JSON in ASCII, so that a token can neither end the line nor steer a terminal.
    #[must_use]
    pub fn to_json(&self) -> String {
        Line::write(|line| {
            line.number("version", Some(self.version));
            line.word("software", Some(SOFTWARE));
            line.word("time", self.time.as_deref());
            line.word("decision", Some(self.decision));
            line.word("reason", Some(self.reason));
            let rule = self.rule.and_then(|index| u64::try_from(index).ok());
            line.number("rule", rule);
            line.word("rule_name", self.rule_name.as_deref());
            line.word("provider", self.provider.as_deref());
            line.string("key_id", self.key_id.as_deref().map(cut));
            line.string("subject", self.subject.as_deref().map(cut));
            line.truth("remembered", self.remembered);
            line.word("kind", self.kind);
            line.string("actor", self.actor.as_deref().map(cut));
            let roles: Vec<&str> = self.roles.iter().map(|role| &**role).collect();
            line.strings("roles", &roles);
            let product = self.product.as_ref();
            line.word("product", product.map(|(name, _)| &**name));
            line.string("peer", self.peer.as_deref().map(cut));
            if let Some((method, name)) = &self.call {
                line.object("mcp", |line| {
                    line.string("method", Some(cut(method)));
                    line.string("name", name.as_deref().map(cut));
                });
            }
            line.strings("facts", &self.facts);
            line.number("authentication_age", self.authentication_age);
            if let Some(proof) = &self.proof {
                line.object("proof", |line| proof.write(line));
            }
            line.word("aaguid", self.aaguid.as_deref());
            line.word("credential", self.credential.as_deref());
            line.word("token", self.token.as_deref());
            if let Some(seen) = &self.seen {
                line.object("seen", |line| seen.write(line));
            }
            line.string("expected", self.expected.as_deref());
            line.word("login", self.login);
            if let Some(shadow) = &self.shadow {
                line.object("shadow", |line| shadow.write(line));
            }
            line.string("request_id", self.request_id.as_deref());
            line.word("policy", Some(&self.policy));
            line.word(
                "plugin",
                Some(&*self.plugin).filter(|name| !name.is_empty()),
            );
            line.word("gate", self.gate.as_deref());
        })
    }
}

impl Seen {
    /// As the member of that name in a record.
    #[must_use]
    pub fn to_json(&self) -> String {
        Line::write(|line| self.write(line))
    }

    fn write(&self, line: &mut Line) {
        line.string("algorithm", self.algorithm);
        line.string("token_type", self.token_type.as_deref());
        line.string("kid", self.kid.as_deref());
        line.string("issuer", self.issuer.as_deref());
        line.string("audience", self.audience.as_deref());
        line.string("expires", self.expires.as_deref());
    }
}

/// A claim as JSON, cut.
pub(crate) fn shown_claim(claims: &Json, name: &str) -> Option<String> {
    claims.get(name).map(|claim| match claim {
        Json::String(text) => shown(text),
        other => shown(&other.to_string()),
    })
}
