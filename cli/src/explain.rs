//! `passgate explain`: one request, judged by the filter's own core, and explained in words.

mod arguments;
mod ending;
mod meaning;
mod memory;
mod request;

use passgate_arguments::Line;
use passgate_core::{
    Action, AuditRecord, Config, Edit, Json, JwkSet, KeySource, Need, Provider, Request,
    Settlement, Step, Suppliers, Supply, Verdict, Verifier, explain, limits,
};

pub(crate) use self::{arguments::PROGRAM, request::Sent};

use self::arguments::Arguments;
use crate::{files::bytes_of, find::only_configuration, report::Report, text::on_one_line};

/// Judges what the arguments say. An error says why it could not judge.
pub(crate) fn run(line: &Line) -> Result<Report, String> {
    let arguments = Arguments::parse(line)?;
    let config = config(&arguments)?;
    let token = token(&arguments, &config)?;
    let claims = token.as_deref().and_then(explain::unverified_claims);
    let is_opaque = token.is_some() && claims.is_none();
    let asked = |provider: &Provider| is_opaque && provider.introspection.is_some();
    let index = issuer_of(&config, claims.as_ref());
    let index = index.or_else(|| config.providers().iter().position(asked));
    let (signature, given) = match index {
        Some(_) if is_opaque => (Signature::Opaque, None),
        _ => signature(&arguments, &config, index)?,
    };

    let mut text = format!("configuration: {config}\n");
    let provider = index.and_then(|index| config.providers().get(index));
    let request = Sent::new(&arguments.request, token.as_deref(), provider, &config)?;
    let now = arguments.at.unwrap_or_else(crate::now);
    text += &format!("request: {request} at {now}\n");
    text += &signature.text();
    if let (Some(provider), Some(claims)) = (provider, &claims) {
        text += &evidence(provider, claims);
    }
    let rules = rules(&config);
    let identity_header = config.identity_header().map(str::to_owned);
    let mut suppliers = Suppliers::from(&config);
    let source = index.and_then(|index| suppliers.keys.providers.get_mut(index));
    if let (Some(source), Some(given)) = (source, &given) {
        source.keys = given;
    }
    let mut keys = Supply::new(suppliers, 0);
    let asked = (arguments.revocations, now);
    text += &ending::given(asked, provider, &mut keys)?;
    if let Some(file) = arguments.introspection {
        keys.give_introspection(&bytes_of(file)?);
        text += "introspection: the answer of --introspection\n";
    }
    let mut verifier = Verifier::new(config, 1);
    verifier.share(Box::new(memory::Memory::default()), [0; 32], "explain", now);
    if matches!(signature, Signature::Assumed(_)) {
        verifier.assume_signatures();
    }
    if let Some(peer) = arguments.peer {
        let peer = peer.to_string_lossy();
        let assumed = verifier.assume_peer(&peer);
        assumed.map_err(|_| format!("passgate: {peer} is not the SPIFFE ID of a workload\n"))?;
        text +=
            "peer: NOT CHECKED; what follows holds only if the listener verifies certificates\n";
    }
    if let Some(call) = arguments.mcp {
        let call = call.to_string_lossy();
        let (method, name) = match call.split_once(' ') {
            Some((method, name)) => (method, Some(name)),
            None => (&*call, None),
        };
        verifier.assume_call(method, name);
        text += "mcp: NOT READ; what follows holds only if the body calls this\n";
    }
    let headers = request.headers();
    let request = Request::new(&headers).ending_here(true);
    let (verdict, record) = match verifier.verify(request, &mut keys, now) {
        Step::Settle(Settlement { verdict, record }) => (verdict, record),
        Step::Await(need) => return Err(missing(need)),
    };
    text += &told(&record, &rules);
    let accepted = !matches!(verdict, Verdict::Deny(_));
    text += &outcome(&verdict, identity_header.as_deref());
    text += &meaning::of(record.reason);
    Ok(Report { text, accepted })
}

/// What was not given, and is fetched at the gate.
fn missing(need: Need) -> String {
    let what = match need {
        Need::Introspection(..) => {
            "the provider is asked about this token; give its answer with --introspection FILE"
        }
        _ => "the keys of this provider are fetched; give them with --jwks FILE",
    };
    format!("passgate: {what}\n")
}

fn config(arguments: &Arguments<'_>) -> Result<Config, String> {
    crate::parse(&only_configuration(arguments.config)?).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{problem}\n"));
        format!(
            "passgate: the configuration is refused\n{}",
            lines.collect::<String>()
        )
    })
}

/// The token that was given, or one made of the claims that were given.
fn token(arguments: &Arguments<'_>, config: &Config) -> Result<Option<String>, String> {
    if let Some(token) = &arguments.token {
        let token = match token.to_str() {
            Some("-") => String::from_utf8_lossy(&bytes_of(token)?).into_owned(),
            Some(token) => token.to_owned(),
            None => return Err("passgate: the token is not text\n".to_owned()),
        };
        return Ok(Some(token.trim().to_owned()));
    }
    let Some(file) = &arguments.claims else {
        return Ok(None);
    };
    let bytes = bytes_of(file)?;
    let claims = Json::parse(
        &bytes,
        limits::token_json_nodes(limits::TOKEN_BYTES_CEILING),
    )
    .map_err(|error| format!("passgate: the claims are not JSON: {error}\n"))?;
    let provider = issuer_of(config, Some(&claims)).and_then(|index| config.providers().get(index));
    Ok(Some(explain::unsigned_token(&claims.to_string(), provider)))
}

fn issuer_of(config: &Config, claims: Option<&Json>) -> Option<usize> {
    let claims = claims?;
    let mut providers = config.providers().iter();
    providers.position(|provider| provider.issuer.is(claims))
}

/// What is known about the signature.
enum Signature {
    /// The request does not have a token.
    None,
    /// The token says nothing, and its provider is asked.
    Opaque,
    /// By keys from here.
    Checked(&'static str),
    /// By the keys of a file, and what to say about these keys.
    CheckedByFile(String),
    /// It was not, and why.
    Assumed(&'static str),
}

impl Signature {
    fn text(&self) -> String {
        match self {
            Self::None => "token: none\n".to_owned(),
            Self::Opaque => "token: opaque; what its provider says of it counts\n".to_owned(),
            Self::Checked(by) => format!("signature: checked with the keys of {by}\n"),
            Self::CheckedByFile(keys) => {
                format!("signature: checked with the keys of --jwks\n{keys}")
            }
            Self::Assumed(why) => {
                format!("signature: NOT CHECKED, {why}; what follows holds only if it is good\n")
            }
        }
    }
}

/// What is known of the signature, and the given keys, if there are some: they stand in for those
/// of the token's provider.
fn signature(
    arguments: &Arguments<'_>,
    config: &Config,
    provider: Option<usize>,
) -> Result<(Signature, Option<KeySource>), String> {
    if arguments.claims.is_some() {
        return Ok((Signature::Assumed("since bare claims have none"), None));
    }
    if arguments.token.is_none() {
        return Ok((Signature::None, None));
    }
    let Some(file) = &arguments.jwks else {
        let provider = provider.and_then(|index| config.providers().get(index));
        let signature = match provider.map(|provider| &provider.keys) {
            Some(KeySource::Local(_)) => Signature::Checked("local_jwks"),
            _ => Signature::Assumed("since no keys were given (--jwks FILE)"),
        };
        return Ok((signature, None));
    };
    let provider = provider.and_then(|index| config.providers().get(index));
    let usage = provider.map(Provider::key_use).unwrap_or_default();
    let set = JwkSet::read(&bytes_of(file)?, config.limits(), usage)
        .map_err(|error| format!("passgate: {}: {error}\n", file.to_string_lossy()))?;
    let signature = Signature::CheckedByFile(keys(&set));
    Ok((signature, Some(KeySource::Local(set))))
}

/// Which keys of a set are used, and why others are not.
fn keys(set: &JwkSet) -> String {
    let mut text = format!("keys: {} usable\n", set.keys().len());
    for key in set.skipped() {
        text += &format!("keys: {:?} is not used: {}\n", key.name, key.fault);
    }
    if set.keys().is_empty() && !set.skipped().is_empty() {
        text += "keys: none can be used, so at the gate this is a fetch that failed, and tokens get unavailable.keys\n";
    }
    text
}

fn evidence(provider: &Provider, claims: &Json) -> String {
    let mut text = String::new();
    for (index, line) in explain::lines(provider, claims).iter().enumerate() {
        let holds = if line.holds { "holds" } else { "does not hold" };
        text += &format!(
            "evidence.lines[{index}]: {holds}: {} proves {}\n",
            line.when,
            line.proves.join(", ")
        );
    }
    text
}

/// What each rule says, in a word.
fn rules(config: &Config) -> Vec<String> {
    let rules = config.rules().into_iter().flatten();
    rules
        .map(|rule| match &rule.action {
            Action::Public(public) => format!("public ({}, owner {})", public.reason, public.owner),
            Action::Deny(denial) => {
                format!(
                    "refuses everybody ({}, owner {})",
                    denial.reason, denial.owner
                )
            }
            Action::Requires(requirement) => {
                let ways = &requirement.alternatives;
                let by_token = ways.iter().any(|way| !way.without_token);
                let of_peer = ways.iter().any(|way| way.without_token);
                let wanted = match (by_token, of_peer) {
                    (true, true) => "requires a token, or a workload",
                    (false, true) => "requires a workload",
                    (_, false) => "requires a token",
                };
                wanted.to_owned()
            }
        })
        .collect()
}

fn told(record: &AuditRecord, rules: &[String]) -> String {
    let mut text = match record.rule {
        Some(index) => {
            let says = rules.get(index).map(String::as_str).unwrap_or_default();
            let name = record.rule_name.as_deref();
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            format!("rule: rules[{index}]{name}, {says}\n")
        }
        None if rules.is_empty() => "rule: none is configured\n".to_owned(),
        None => "rule: none is about this request\n".to_owned(),
    };
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!("{name}: {}\n", on_one_line(&value));
        }
    };
    line("provider", record.provider.as_deref().map(str::to_owned));
    line("subject", record.subject.as_deref().map(str::to_owned));
    line("kind", record.kind.map(str::to_owned));
    line("actor", record.actor.as_deref().map(str::to_owned));
    line("peer", record.peer.as_deref().map(str::to_owned));
    let roles = record.roles.join(", ");
    line("roles", Some(roles).filter(|roles| !roles.is_empty()));
    let product = record.product.as_ref();
    line("product", product.map(|(name, _)| name.to_string()));
    let facts = record.facts.join(", ");
    line("facts", Some(facts).filter(|facts| !facts.is_empty()));
    let age = record.authentication_age;
    line(
        "authentication age",
        age.map(|seconds| format!("{seconds}s")),
    );
    if let Some(seen) = &record.seen {
        line("the token says", Some(seen.to_json()));
    }
    line("wanted instead", record.expected.clone());
    line(
        "decision",
        Some(format!("{}, {}", record.decision, record.reason)),
    );
    text
}

/// `identity_header`: what carries a token of the gate's own. Its key is not here, so its claims
/// are shown.
fn outcome(verdict: &Verdict, identity_header: Option<&str>) -> String {
    match verdict {
        Verdict::Allow(permit) => {
            let mut text = "the upstream gets the request with\n".to_owned();
            for edit in permit.edits() {
                text += &match edit {
                    Edit::Set(name, value) => {
                        let value = String::from_utf8_lossy(value);
                        let is_token = identity_header == Some(&**name);
                        let claims = explain::unverified_claims(&value).filter(|_| is_token);
                        match claims {
                            Some(claims) => {
                                let claims = on_one_line(&claims.to_string());
                                format!("  {name}: a token that says {claims}\n")
                            }
                            None => format!("  {name}: {}\n", on_one_line(&value)),
                        }
                    }
                    Edit::Remove(name) => {
                        format!("  no {}\n", String::from_utf8_lossy(name))
                    }
                };
            }
            text
        }
        Verdict::Serve(document) => {
            let what = match document.code {
                "permitted.identity_keys" => "the public keys of identity tokens",
                _ => "the document about this resource",
            };
            format!("the client gets {what}\n")
        }
        Verdict::Deny(rejection) => {
            let mut text = format!("the client gets {}\n", rejection.status);
            for (name, value) in rejection.headers() {
                // Nobody believes one of this program's.
                let value = if name.ends_with("-nonce") {
                    "…"
                } else {
                    &*value
                };
                text += &format!("  {name}: {value}\n");
            }
            text + "\n  " + &rejection.body(None)
        }
    }
}
