//! WebAuthn assertions (Web Authentication Level 3, section 7.2), verified by a key that is trusted
//! already. Each step, where it is done, and which test holds it (`tests.rs`, unless it says more):
//!
//! | | Step | Where | Test |
//! |---|---|---|---|
//! | 1 | strict base64url, `id` is `rawId`, `type` | [`Assertion::parse`] |
//! `an_assertion_is_read_in_one_way` |
//! | 2, 3 | whose credential it is | the caller, which has the key |
//! `core/tests/proofs/approvals.rs`, `core/tests/proofs/holders.rs` |
//! | 4, 5 | client data: UTF-8, one JSON object | `client_data` | `client_data_is_strict_json` |
//! | 6 | `type` is `webauthn.get` | `client_data` | `a_registration_is_not_an_assertion` |
//! | 7 | the challenge, as text | `client_data` | `the_challenge_is_compared_as_text` |
//! | 8 | the origin, exactly | `client_data` | `only_pages_that_are_named_ask` |
//! | 9, 10 | frames: the page around is named | `client_data` | `frames_are_refused_unless_named` |
//! | 11 | `tokenBinding` is not `present` | `client_data` | `a_token_binding_is_refused` |
//! | 12 | authenticator data, to the last byte | `authenticator_data` | `authenticator_data_is_read_to_its_last_byte` |
//! | 13 | RP ID or AppID, by its hash | [`Assertion::check`] | `the_relying_party_is_ours` |
//! | 14 | UP | `authenticator_data` | `a_person_was_there` |
//! | 15 | UV, where a rule wants it | the rule, by [`Gesture`] | `core/tests/proofs/approvals.rs` |
//! | 16 | BS never without BE | `authenticator_data` | `a_backup_needs_eligibility` |
//! | 16 | BE as it was registered, where that is known | the caller |
//! `core/tests/proofs/holders.rs` |
//! | 17 | the signature, by the key's own algorithm | [`Assertion::signed`],
//! [`Assertion::signature`] | `the_vectors_of_the_w3c_verify` |
//! | 18 | the counter is not judged | `authenticator_data` | `the_counter_says_nothing` |
//! | 19 | extensions are read over | `authenticator_data` | `authenticator_data_is_read_to_its_last_byte` |
//! | 20 | the challenge is spent | the caller, with what it spends |
//! `core/tests/proofs/approvals.rs` |

mod aaguid;
mod authenticator_data;
mod client_data;

use sha2::{Digest as _, Sha256};

pub use self::aaguid::{Aaguid, Aaguids};
use self::{authenticator_data::AuthenticatorData, client_data::ClientData};
use crate::{
    jose::{base64url, to_base64url},
    json::Json,
    limits,
};

/// Whose assertions count, and made by which pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelyingParty {
    /// RP ID: a domain in lower case.
    pub id: String,
    /// Origins of pages, and of apps, that ask for assertions; compared as they are.
    pub origins: Vec<String>,
    /// Origins of pages that may show such a page in a frame.
    pub top_origins: Vec<String>,
    /// AppIDs of keys that were registered by the old U2F API (section 10.1.1).
    pub app_ids: Vec<String>,
}

/// Why an assertion does not count, with what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read.
    Malformed(&'static str),
    /// It answers another challenge, or another question.
    Challenge(&'static str),
    /// Another relying party or page asked for it.
    Origin(&'static str),
    /// Its flags do not prove enough.
    Flags(&'static str),
}

/// An assertion in its parts (section 6.3.3), of which nothing is true yet.
#[derive(Debug)]
pub(crate) struct Assertion {
    /// Which credential it says that it is of.
    pub(crate) id: Vec<u8>,
    /// What the authenticator knows the person by, base64url, where it says so.
    pub(crate) user_handle: Option<Box<str>>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    /// In the form of section 6.5.5: DER for elliptic curves.
    pub(crate) signature: Vec<u8>,
}

/// What the authenticator saw the person do, by flags that its signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gesture {
    /// UV.
    pub(crate) is_verified: bool,
    /// BE is clear.
    pub(crate) is_device_bound: bool,
}

impl Assertion {
    /// Reads `AuthenticationResponseJSON` (section 5.1): binary members are unpadded base64url.
    /// The results of client extensions and the rest that is not signed are ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let json = Json::parse(bytes, limits::TOKEN_JSON_NODES);
        let json = json.map_err(|_| Fault::Malformed("an assertion that is one JSON object"))?;
        let response = json.get("response");
        let binary = |value: Option<&Json>, wanted| {
            let bytes = value.and_then(Json::as_str).and_then(base64url);
            let bytes = bytes.filter(|bytes| !bytes.is_empty());
            bytes.ok_or(Fault::Malformed(wanted))
        };
        let part = |name: &str, wanted| binary(response.and_then(|part| part.get(name)), wanted);
        if json.get("type").and_then(Json::as_str) != Some("public-key") {
            return Err(Fault::Malformed("type: public-key"));
        }
        let id = binary(json.get("id"), "id: unpadded base64url")?;
        if json.get("rawId") != json.get("id") || id.len() > limits::CREDENTIAL_ID_BYTES {
            return Err(Fault::Malformed(
                "rawId: the same as id, at most 1023 bytes",
            ));
        }
        let handle = response.and_then(|response| response.get("userHandle"));
        let handle = handle.and_then(Json::as_str);
        Ok(Self {
            id,
            // Absent in other words: an authenticator that knows none.
            user_handle: handle.filter(|handle| !handle.is_empty()).map(Into::into),
            client_data: part(
                "clientDataJSON",
                "response.clientDataJSON: unpadded base64url",
            )?,
            authenticator_data: part(
                "authenticatorData",
                "response.authenticatorData: unpadded base64url",
            )?,
            signature: part("signature", "response.signature: unpadded base64url")?,
        })
    }

    /// Whether it was made for this relying party, by a page of it, with this challenge. All but
    /// the signature.
    pub(crate) fn check(&self, party: &RelyingParty, challenge: &[u8]) -> Result<Gesture, Fault> {
        let challenge = to_base64url(challenge);
        ClientData::parse(&self.client_data)?.check(party, &challenge)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        // A client says unsigned whether it took the AppID. The hash says it signed (section
        // 10.1.1).
        let mut names = core::iter::once(&party.id).chain(&party.app_ids);
        if !names.any(|name| Sha256::digest(name)[..] == data.rp_id_hash[..]) {
            return Err(Fault::Origin(
                "authenticatorData: the RP ID of relying_party",
            ));
        }
        data.gesture()
    }

    /// What is signed (step 17): the inner hash is SHA-256 for every algorithm, over the client
    /// data as they came.
    pub(crate) fn signed(&self) -> Vec<u8> {
        let hash = Sha256::digest(&self.client_data);
        [&*self.authenticator_data, &hash].concat()
    }
}

#[cfg(test)]
mod tests;
