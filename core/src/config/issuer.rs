//! Which values of `iss` are a provider's, as people write it.

use super::{Issuer, IssuerTemplate, Tenants};
use crate::{
    decode::{At, Decode, Field, Filled, List, Problems, Text, shown, texts},
    json::Json,
    provider::is_plain,
    spiffe, uri,
};

/// The issuer from whichever of the fields is given.
pub(super) fn issuer(
    exact: Field<Text>,
    open: Field<Text>,
    tenants: Field<RawTenants>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Issuer> {
    if open.is_absent() && !tenants.is_absent() {
        let wanted = "remove it, or write issuer_template in place of issuer";
        problems.add(
            at.member("tenants"),
            &["an issuer has one tenant"],
            &[wanted],
        );
    }
    match (exact, open) {
        (Field::Absent, Field::Absent) => {
            let wanted = "write issuer: https://id.example.com/realms/acme";
            problems.add(at.member("issuer"), &["missing"], &[wanted]);
            None
        }
        (exact, Field::Absent) => {
            let Text(exact) = exact.given()?;
            check_exact(&exact, at.member("issuer"), problems);
            Some(Issuer::Exact(exact.into()))
        }
        (Field::Absent, open) => {
            if tenants.is_absent() {
                let seen = "missing: many tenants can have an issuer that fits";
                let wanted = "write tenants: [THE ID OF EACH], or tenants: any";
                problems.add(at.member("tenants"), &[seen], &[wanted]);
            }
            let Text(text) = open.given()?;
            let template = template(&text).map_err(|(seen, wanted)| {
                let seen = [&shown::text(&text), " ", seen];
                problems.add(at.member("issuer_template"), &seen, &[wanted]);
            });
            let template = template.ok()?;
            let tenants = match tenants.given()? {
                RawTenants::Any => Tenants::Any,
                RawTenants::Named(list) => {
                    check_tenants(&template, &list.0, at.member("tenants"), problems);
                    Tenants::Named(texts(list))
                }
            };
            Some(Issuer::Template(template, tenants))
        }
        _ => {
            let seen = "issuer and issuer_template are both given";
            problems.add(at, &[seen], &["write one of them"]);
            None
        }
    }
}

/// Names of Entra's endpoints for several tenants; tokens name the tenant's id.
const OF_MANY_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

/// Where issuers of Entra begin.
const ENTRA: &str = "//login.microsoftonline.";

/// No token names these as its issuer, so a provider that does would refuse every one.
fn check_exact(issuer: &str, at: At<'_>, problems: &mut Problems) {
    let is_many = |segment: &str| OF_MANY_TENANTS.contains(&segment);
    if issuer.starts_with(spiffe::SCHEME) {
        // Principals would begin as those of workloads do.
        let wanted = "write spiffe: { trust_domain: cluster.local } in place of issuer";
        problems.add(at, &[&shown::text(issuer), " is a SPIFFE ID"], &[wanted]);
    }
    let seen = if issuer.contains(['*', '{']) {
        " is a pattern, and issuers are compared exactly"
    } else if issuer.contains(ENTRA) && issuer.split('/').any(is_many) {
        " is in no token: Entra's tokens name their tenant"
    } else {
        return;
    };
    let wanted = "write issuer_template, such as \
                  \"https://login.microsoftonline.com/{tid}/v2.0\", and tenants";
    problems.add(at, &[&shown::text(issuer), seen], &[wanted]);
}

/// What the claim of no token is, though somebody may think so.
fn check_tenants(
    template: &IssuerTemplate,
    list: &List<Text>,
    at: At<'_>,
    problems: &mut Problems,
) {
    let is_of_entra = template.before.contains(ENTRA);
    for (index, Text(tenant)) in list.iter() {
        let is_no_id = || OF_MANY_TENANTS.contains(&&**tenant) || tenant.contains('.');
        let (seen, wanted) = if matches!(&**tenant, "any" | "*") {
            (" stands for every tenant", "write tenants: any")
        } else if !is_plain(tenant) {
            (
                " is not one plain segment",
                "write letters, digits, -, _ and . only",
            )
        } else if is_of_entra && is_no_id() {
            (
                " is in no token: Entra's tokens name the tenant's id",
                "write the id, such as 72f988bf-86f1-41af-91ab-2d7cd011db47",
            )
        } else {
            continue;
        };
        problems.add(at.element(index), &[&shown::text(tenant), seen], &[wanted]);
    }
}

/// One claim as a whole segment of the path.
fn template(text: &str) -> Result<IssuerTemplate, (&'static str, &'static str)> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let parts = text.split_once('{').and_then(|(before, rest)| {
        let (claim, after) = rest.split_once('}')?;
        let is_named = !claim.is_empty() && claim.bytes().all(is_name);
        is_named.then_some((before, claim, after))
    });
    let Some((before, claim, after)) = parts else {
        return Err((
            "names no claim between { and }",
            "write the claim that is the tenant, such as {tid}, or issuer for one issuer",
        ));
    };
    let (_, authority, path) = uri::split(before)?;
    uri::host_and_port(authority)?;
    let is_segment = path.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    // Nor is there a second claim, or a `*`.
    let is_odd = |part: &str| part.contains(['?', '#', '{', '}', '*']);
    if !is_segment || is_odd(path) || is_odd(after) {
        return Err((
            "is not scheme, host and a path with the claim as one whole segment",
            "write it as \"https://id.example.com/{tid}/v2.0\"",
        ));
    }
    if before.contains(ENTRA) && claim == "tenantid" {
        return Err(("names a claim that no token of Entra has", "write {tid}"));
    }
    Ok(IssuerTemplate {
        text: text.to_owned(),
        before: before.to_owned(),
        claim: claim.to_owned(),
        after: after.to_owned(),
    })
}

/// The tenants whose tokens are taken, as people write them.
#[derive(Debug)]
pub(super) enum RawTenants {
    Any,
    Named(Filled<Text>),
}

impl Decode for RawTenants {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::String(word) if **word == *"any" => Some(Self::Any),
            Json::Array(_) => Filled::decode(json, at, problems).map(Self::Named),
            _ => {
                problems.mismatch(at, json, "a list of tenants, or the word any");
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for RawTenants {
    fn schema() -> serde_json::Value {
        let list = <Filled<Text> as crate::decode::schema::Schema>::schema();
        serde_json::json!({ "anyOf": [{ "const": "any" }, list] })
    }
}
