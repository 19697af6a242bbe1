//! The tests that a policy carries, tried on the filter's own core.

use passgate_core::{
    AuditRecord, Config, Edit, Expected, InvalidConfig, Issuer, PolicyTest, Request, Settlement,
    Step, Suppliers, Supply, TestToken, UnixTime, Verdict, Verifier, explain,
};
use serde_json::{Map, Value, json};

use crate::explain::Sent;

/// How the tests of a configuration ended.
pub(crate) struct Tested {
    /// In one line.
    pub(crate) summary: String,
    /// A line for each thing that is not as a test expects it.
    pub(crate) failed: Vec<String>,
}

/// Tries the tests in the document of a configuration. `None`: it has none.
pub(crate) fn run(config: &Config, document: &[u8]) -> Result<Option<Tested>, Vec<InvalidConfig>> {
    let tests = config.tests(document)?;
    if tests.is_empty() {
        return Ok(None);
    }
    let mut failed = Vec::new();
    let mut bad = 0_usize;
    for (index, test) in tests.iter().enumerate() {
        // No test finds what another one has left behind.
        let faults = match judge(test, crate::parse(document)?) {
            Ok(seen) => seen.faults(&test.expected),
            Err(why) => vec![why],
        };
        bad = bad.saturating_add(usize::from(!faults.is_empty()));
        let name = &test.name;
        failed.extend(
            faults
                .iter()
                .map(|fault| format!("tests[{index}] {name:?}: {fault}")),
        );
    }
    let all = tests.len();
    let summary = if bad == 0 {
        format!("tests: {all} passed")
    } else {
        format!("tests: {bad} of {all} failed")
    };
    Ok(Some(Tested { summary, failed }))
}

/// What the gate says to a request.
struct Seen {
    status: usize,
    reason: &'static str,
    /// What the service gets, or the client.
    headers: Vec<(String, String)>,
}

fn judge(test: &PolicyTest, config: Config) -> Result<Seen, String> {
    let now = test.at.unwrap_or_else(crate::now);
    let provider = test.token.as_ref().map(|token| token.provider);
    let provider = provider.and_then(|index| config.providers().get(index));
    let token = match (&test.token, provider) {
        (Some(token), Some(provider)) => {
            let claims = claims(token, provider, now)?;
            Some(explain::unsigned_token(&claims, Some(provider)))
        }
        _ => None,
    };
    let sent = Sent::new(&test.request, token.as_deref(), provider, &config);
    let mut sent = sent.map_err(|why| why.trim_start_matches("passgate: ").trim().to_owned())?;
    sent.add(&test.headers);
    let mut supply = Supply::new(Suppliers::from(&config), 0);
    supply.ask_no_lists();
    let mut verifier = Verifier::new(config, 1);
    verifier.assume_signatures();
    if let Some(peer) = &test.peer {
        let assumed = verifier.assume_peer(peer);
        assumed.map_err(|_| format!("peer: {peer:?} is not the SPIFFE ID of a workload"))?;
    }
    if let Some((method, name)) = &test.call {
        verifier.assume_call(method, name.as_deref());
    }
    let headers = sent.headers();
    match verifier.verify(Request::new(&headers).ending_here(true), &mut supply, now) {
        Step::Settle(Settlement { verdict, record }) => Ok(Seen::of(&verdict, &record)),
        Step::Await(_) => Err(
            "cannot be judged here: the gate would wait for what it fetches; test it at a gate"
                .to_owned(),
        ),
    }
}

/// The claims as JSON, with what each token needs.
fn claims(
    token: &TestToken,
    provider: &passgate_core::Provider,
    now: UnixTime,
) -> Result<String, String> {
    let given = serde_json::from_str(&token.claims.to_string());
    let mut claims: Map<String, Value> = given.map_err(|error| error.to_string())?;
    if let Issuer::Exact(issuer) = &provider.issuer {
        claims.entry("iss").or_insert_with(|| json!(&**issuer));
    }
    if let Some(audience) = provider.audiences.first() {
        let name = provider.audience_claim.as_str();
        claims.entry(name).or_insert_with(|| json!(audience));
    }
    claims.entry("iat").or_insert_with(|| json!(now.as_secs()));
    let end = now.as_secs().saturating_add(60);
    claims.entry("exp").or_insert_with(|| json!(end));
    Ok(Value::Object(claims).to_string())
}

impl Seen {
    /// In shadow it is what would be done.
    fn of(verdict: &Verdict, record: &AuditRecord) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (status, headers) = match verdict {
            Verdict::Allow(permit) => {
                let set = permit.edits().filter_map(|edit| match edit {
                    Edit::Set(name, value) => Some((name.clone().into_owned(), text(value))),
                    Edit::Remove(_) => None,
                });
                let shadow = record.shadow.as_ref().and_then(|shadow| shadow.status);
                (shadow.unwrap_or(200), set.collect())
            }
            Verdict::Serve(_) => (200, Vec::new()),
            Verdict::Deny(rejection) => {
                let headers = rejection.headers();
                let headers = headers
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.to_string()));
                (rejection.status, headers.collect())
            }
        };
        Self {
            status: status.into(),
            reason: record.reason,
            headers,
        }
    }

    /// What is not as it is expected.
    fn faults(&self, expected: &Expected) -> Vec<String> {
        let mut faults = Vec::new();
        let reason = self.reason;
        if let Some(status) = expected.status.filter(|status| *status != self.status) {
            let seen = self.status;
            faults.push(format!(
                "the status is {seen} ({reason}); expected {status}"
            ));
        }
        if let Some(wanted) = expected.reason.as_ref().filter(|wanted| **wanted != reason) {
            faults.push(format!("the reason is {reason}; expected {wanted}"));
        }
        for (name, wanted) in &expected.headers {
            let values = self.values(name);
            if !values.contains(&wanted.as_str()) {
                let seen = shown(&values);
                faults.push(format!(
                    "the header {name:?} is {seen}; expected {wanted:?}"
                ));
            }
        }
        let challenges = self.values("www-authenticate");
        for (name, wanted) in &expected.challenge {
            let forms = [format!("{name}=\"{wanted}\""), format!("{name}={wanted}")];
            let has = |challenge: &&str| has_parameter(challenge, &forms);
            if !challenges.iter().any(has) {
                let seen = shown(&challenges);
                faults.push(format!(
                    "the challenge is {seen}; expected {name:?}={wanted:?} in it"
                ));
            }
        }
        faults
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        let named = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// Whether a challenge has a parameter in one of these forms, whole.
fn has_parameter(challenge: &str, forms: &[String]) -> bool {
    let separates = |c: char| c == ' ' || c == ',';
    forms.iter().any(|form| {
        challenge.match_indices(form.as_str()).any(|(at, _)| {
            let (before, rest) = challenge.split_at(at);
            let after = rest.get(form.len()..).unwrap_or_default();
            before.ends_with(separates) && (after.is_empty() || after.starts_with(separates))
        })
    })
}

fn shown(values: &[&str]) -> String {
    match values {
        [] => "missing".to_owned(),
        [value] => format!("{value:?}"),
        _ => format!("{values:?}"),
    }
}
