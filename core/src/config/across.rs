//! What must hold across providers: one issuer, one provider; one header, one source of truth.

use super::{Issuer, Origin, Provider, header_name::HeaderName, raw::RawProvider};
use crate::decode::{At, Fault, List, Problems};

/// A provider as people wrote it, with its name.
type Named = (String, Option<RawProvider>);

/// Two providers with one issuer: the token could not choose between them.
pub(super) fn issuers(providers: &[Provider], at: At<'_>, problems: &mut Problems) {
    for (index, provider) in providers.iter().enumerate() {
        let mut earlier = providers.iter().take(index);
        let Some(first) = earlier.find(|first| first.issuer.meets(&provider.issuer)) else {
            continue;
        };
        let at = at.member(&provider.name);
        match (&first.issuer, &provider.issuer) {
            (Issuer::Exact(_), Issuer::Exact(_)) => problems.add(
                at.member("issuer"),
                &["is the issuer of ", &first.name, " too"],
                &["write one provider for both"],
            ),
            (_, own) => problems.add(
                at.member(match own {
                    Issuer::Exact(_) => "issuer",
                    Issuer::Template(..) => "issuer_template",
                    Issuer::TrustDomain(_) => "spiffe",
                }),
                &["fits tokens of ", &first.name, " too"],
                &["write one provider for both, or tenants that only one of them names"],
            ),
        }
    }
}

/// A header that a provider writes.
struct Fed<'p> {
    folded: String,
    provider: &'p str,
    shared: bool,
}

/// Every name of a header: may it be written, may it hold a token, and who writes it.
pub(super) fn headers(providers: &[Named], at: At<'_>, problems: &mut Problems) {
    let tokens = token_headers(providers, at, problems);
    let mut fed: Vec<Fed<'_>> = Vec::new();
    for (provider, raw) in providers {
        let Some(raw) = raw else { continue };
        let at = at.member(provider);
        let shared = raw.shared_subjects.as_ref() == Some(&true);
        let mut feed = |header: &HeaderName, at: At<'_>| {
            let folded = header.folded();
            let fault = if let Some(fault) = header.not_ours_to_write() {
                Some(Fault::from(fault))
            } else if let Some((_, owner)) = tokens.iter().find(|(name, _)| *name == folded) {
                Some(Fault::of(
                    &["holds the token of ", owner],
                    &["write another name"],
                ))
            } else {
                let clash = |other: &&Fed<'_>| {
                    other.folded == folded
                        && (other.provider == provider || !(shared && other.shared))
                };
                fed.iter()
                    .find(clash)
                    .map(|other| already_fed(other, provider))
            };
            if let Some(fault) = fault {
                problems.add(at, &["\"", &header.0, "\" ", &fault.seen], &[&fault.wanted]);
            }
            fed.push(Fed {
                folded,
                provider,
                shared,
            });
        };
        let list = at.member("claim_to_headers");
        for (index, claim) in raw
            .claim_to_headers
            .as_ref()
            .into_iter()
            .flat_map(List::iter)
        {
            if let Some(header) = claim.header_name.as_ref() {
                feed(header, list.element(index).member("header_name"));
            }
        }
        if let Some(header) = raw.forward_payload_header.as_ref() {
            feed(header, at.member("forward_payload_header"));
        }
    }
}

fn already_fed(other: &Fed<'_>, provider: &str) -> Fault {
    if other.provider == provider {
        return (
            "is written twice (all but letters and digits count as \"-\")",
            "write another name",
        )
            .into();
    }
    Fault::of(
        &[
            "is written by ",
            other.provider,
            " too, so nobody could tell whose it is",
        ],
        &["write another name, or shared_subjects: true in both if their values mean the same"],
    )
}

/// Who signs in somewhere else has to find the way back, and that is never read off the request.
pub(super) fn logins(
    providers: &[Provider],
    origins: &[Origin],
    at: At<'_>,
    problems: &mut Problems,
) {
    if !origins.is_empty() || problems.any_in("origins") {
        return;
    }
    for provider in providers.iter().filter(|provider| provider.login.is_some()) {
        let at = at.member(&provider.name);
        problems.add(
            at.member("login"),
            &["needs to know where people come back to"],
            &["write origins: [https://api.example.com] at the top"],
        );
    }
}

/// The headers that hold tokens, with the provider that says so.
fn token_headers<'p>(
    providers: &'p [Named],
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<(String, &'p str)> {
    let mut tokens = Vec::new();
    for (provider, raw) in providers {
        let Some(raw) = raw else { continue };
        let at = at.member(provider);
        let at = at.member("from_headers");
        for (index, source) in raw.from_headers.as_ref().into_iter().flat_map(List::iter) {
            let Some(name) = source.name.as_ref() else {
                continue;
            };
            if let Some((seen, wanted)) = name.no_token_source() {
                let seen = ["\"", &name.0, "\" ", seen];
                problems.add(at.element(index).member("name"), &seen, &[wanted]);
            }
            tokens.push((name.folded(), &**provider));
        }
    }
    tokens
}
