//! The tests that a policy carries: requests, and what the gate must say to them.
//!
//! The filter takes the list for what it is and reads nothing of it; a command line reads it here.

use super::{Config, InvalidConfig};
use crate::{
    decode::{At, Decode, Fault, Field, FromText, List, Map, Problems, Text, record},
    json::Json,
    limits,
    time::UnixTime,
};

/// The tests, unread.
#[derive(Debug)]
pub(super) struct Tests;

impl Decode for Tests {
    fn decode(_: &Json, _: At<'_>, _: &mut Problems) -> Option<Self> {
        Some(Self)
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for Tests {
    fn schema() -> crate::decode::schema::Value {
        List::<RawTest>::schema()
    }
}

record! {
    /// A request, and what the gate must say to it.
    RawTest "test" {
        /// What it shows.
        name: Text = "a password does not pay",
        /// Method, and path or URL: `POST https://api.example.com/payments`.
        request: Text = "GET https://api.example.com/orders",
        /// More headers of the request.
        headers: Map<Text>,
        /// The client's token; without it the request has none.
        token: RawTestToken => "token",
        /// SPIFFE ID of the workload at the other end of the connection, as if its certificate had
        /// been verified.
        peer: Text,
        /// What it calls, as if Envoy's filter had read it in the body. Default: nobody can tell.
        mcp: RawTestCall => "mcp",
        /// When it comes, such as 2027-06-30T12:00:00Z. Default: now.
        at: UnixTime,
        /// What the gate must say to it.
        expect: RawExpected = "{ status: 401 }" => "expect",
    }
}

record! {
    /// A call of MCP.
    RawTestCall "mcp" {
        /// Such as `tools/call`.
        method: Text = "tools/call",
        /// The tool, the prompt, or the URI of the resource.
        name: Text,
    }
}

record! {
    /// A token whose signature is taken for good.
    RawTestToken "token" {
        /// Whose token it is. Default: that of the only provider.
        provider: Text,
        "provider_name": "write provider",
        /// Its claims. Issuer, audience, `iat` and `exp` are filled in where they are missing.
        claims: Claims,
    }
}

record! {
    /// What the gate must say. What is not named may be anything.
    RawExpected "expect" {
        /// Status of the answer; 200 where the request passes.
        status: usize,
        "code": "write status, or reason",
        /// Code of the reason, such as `insufficient.authentication`.
        reason: Text,
        /// Parameters that the challenge (`WWW-Authenticate`) must have.
        challenge: Map<Text>,
        /// Headers that the service must get, or the client where it is refused.
        headers: Map<Text>,
    }
}

/// The claims of a token.
#[derive(Debug)]
struct Claims(Json);

impl Decode for Claims {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::Object(_) = json {
            return Some(Self(json.clone()));
        }
        problems.mismatch(at, json, "the claims: { sub: alice, … }");
        None
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for Claims {
    fn schema() -> crate::decode::schema::Value {
        serde_json::json!({ "type": "object" })
    }
}

impl FromText for UnixTime {
    const WANTED: &'static str = "a time, such as \"2027-06-30T12:00:00Z\"";
    const PATTERN: &'static str =
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2})$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let wanted = "write it as 2027-06-30T12:00:00Z";
        Self::from_rfc3339(text).ok_or(("is not a time (RFC 3339)", wanted).into())
    }
}

/// A request, and what the gate must say to it.
#[derive(Debug)]
pub struct PolicyTest {
    /// What it shows.
    pub name: String,
    /// Method, and path or URL.
    pub request: String,
    /// More headers of the request.
    pub headers: Vec<(String, String)>,
    /// The client's token.
    pub token: Option<TestToken>,
    /// SPIFFE ID of the workload at the other end of the connection.
    pub peer: Option<String>,
    /// Method and name of what it calls.
    pub call: Option<(String, Option<String>)>,
    /// When it comes, if it says so.
    pub at: Option<UnixTime>,
    /// What the gate must say to it.
    pub expected: Expected,
}

/// A token whose signature is taken for good.
#[derive(Debug)]
pub struct TestToken {
    /// Index of its provider.
    pub provider: usize,
    /// An object: the claims that the test names.
    pub claims: Json,
}

/// What the gate must say. What is not named may be anything.
#[derive(Debug)]
pub struct Expected {
    /// Status of the answer; 200 where the request passes.
    pub status: Option<usize>,
    /// Code of the reason.
    pub reason: Option<String>,
    /// Parameters of the challenge.
    pub challenge: Vec<(String, String)>,
    /// Headers that the service gets, or the client where it is refused.
    pub headers: Vec<(String, String)>,
}

impl Config {
    /// The tests in the document of this configuration.
    ///
    /// # Errors
    /// All that is wrong with them, each with its place, what was seen and what to write.
    pub fn tests(&self, document: &[u8]) -> Result<Vec<PolicyTest>, Vec<InvalidConfig>> {
        let document = Json::parse(document, limits::DOCUMENT_JSON_NODES);
        let document = document.unwrap_or(Json::Null);
        let Some(json) = document.get("tests") else {
            return Ok(Vec::new());
        };
        let mut problems = Problems::default();
        let at = At::Root.member("tests");
        let list = List::<RawTest>::decode(json, at, &mut problems);
        let list = list.into_iter().flat_map(List::into_numbered);
        let tests =
            list.filter_map(|(index, raw)| self.test(raw, at.element(index), &mut problems));
        let tests = tests.collect();
        let problems = problems.into_list();
        if problems.is_empty() {
            return Ok(tests);
        }
        Err(problems)
    }

    fn test(&self, raw: RawTest, at: At<'_>, problems: &mut Problems) -> Option<PolicyTest> {
        let token = match raw.token {
            Field::Absent => None,
            Field::Refused => return None,
            Field::Given(token) => Some(self.test_token(token, at.member("token"), problems)?),
        };
        let expected = expected(raw.expect.given()?, at.member("expect"), problems)?;
        Some(PolicyTest {
            name: raw.name.given()?.0,
            request: raw.request.given()?.0,
            headers: pairs(raw.headers),
            token,
            peer: raw.peer.given().map(|peer| peer.0),
            call: raw.mcp.given().and_then(|call| {
                let name = call.name.given().map(|name| name.0);
                Some((call.method.given()?.0, name))
            }),
            at: raw.at.given(),
            expected,
        })
    }

    fn test_token(
        &self,
        raw: RawTestToken,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<TestToken> {
        let named = raw.provider.given().map(|name| name.0);
        let provider = match &named {
            Some(name) => self
                .providers
                .iter()
                .position(|provider| *provider.name == **name),
            None => (self.providers.len() == 1).then_some(0),
        };
        let Some(provider) = provider else {
            let seen = named.map_or("missing".into(), |name| {
                [&name, " is not a provider"].concat()
            });
            let names: Vec<&str> = self
                .providers
                .iter()
                .map(|provider| &*provider.name)
                .collect();
            let wanted = ["write one of ", &names.join(", ")];
            problems.add(at.member("provider"), &[&seen], &wanted);
            return None;
        };
        let claims = raw
            .claims
            .given()
            .map_or(Json::Object(Vec::new()), |claims| claims.0);
        Some(TestToken { provider, claims })
    }
}

fn expected(raw: RawExpected, at: At<'_>, problems: &mut Problems) -> Option<Expected> {
    let is_empty = |map: &Field<Map<Text>>| match map {
        Field::Absent => true,
        Field::Refused => false,
        Field::Given(map) => map.0.is_empty(),
    };
    let says_nothing = raw.status.is_absent() && raw.reason.is_absent();
    if says_nothing && is_empty(&raw.challenge) && is_empty(&raw.headers) {
        problems.add(at, &["expects nothing"], &["write status, or reason"]);
        return None;
    }
    Some(Expected {
        status: raw.status.given(),
        reason: raw.reason.given().map(|reason| reason.0),
        challenge: pairs(raw.challenge),
        headers: pairs(raw.headers),
    })
}

fn pairs(map: Field<Map<Text>>) -> Vec<(String, String)> {
    let members = map.given().into_iter().flat_map(|map| map.0);
    members
        .filter_map(|(name, value)| Some((name, value?.0)))
        .collect()
}
