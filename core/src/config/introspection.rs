//! Where a provider is asked about tokens: from what people write to where it is; and that each
//! token leads to one provider.

use core::time::Duration;

use super::{Action, Issuer, Provider, ProviderId, Rule, ending, keys, raw::RawIntrospection};
use crate::{
    decode::{At, Problems, Words},
    introspection::{IntrospectedTokens, IntrospectionSource, SignedFor},
};

impl Words for IntrospectedTokens {
    const ALL: &'static [Self] = &[Self::Opaque, Self::All];

    fn word(&self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::All => "all",
        }
    }
}

/// `has_keys`: the provider names a source of keys. `skew`: how far clocks may be apart.
pub(super) fn introspection(
    raw: RawIntrospection,
    (issuer, has_keys, skew): (Option<&Issuer>, bool, Duration),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<IntrospectionSource> {
    let RawIntrospection {
        http_uri,
        tokens,
        cache_duration,
        signed_for,
    } = raw;
    let signed_for = signed_for.given().map(|client| SignedFor {
        client: client.0,
        skew,
    });
    if signed_for.is_some() && !has_keys {
        let seen = "is signed by the provider's keys, and the provider has no keys";
        let wanted = "write remote_jwks, discovery or local_jwks in the provider";
        problems.add(at.member("signed_for"), &[seen], &[wanted]);
    }
    let tokens = tokens.given().unwrap_or(IntrospectedTokens::Opaque);
    if tokens == IntrospectedTokens::All && !has_keys {
        let seen = "asks about JWTs after their signature, and the provider has no keys";
        let wanted = "write remote_jwks, discovery or local_jwks in the provider, or for: opaque";
        problems.add(at.member("for"), &[seen], &[wanted]);
    }
    if matches!(issuer, Some(Issuer::Template(..))) {
        let wanted =
            "write a provider with issuer for each tenant: an opaque token names no issuer";
        problems.add(at, &["issuer_template has no one issuer"], &[wanted]);
    }
    let place = at.member("cache_duration");
    let cache_duration = ending::age(cache_duration, 30, 1, place, problems);
    let (endpoint, timeout) = keys::http_uri_of(http_uri, at, problems)?;
    Some(IntrospectionSource {
        endpoint,
        timeout,
        cache_duration,
        tokens,
        signed_for,
    })
}

/// An opaque token names no issuer: in each place, a rule leaves one provider that is asked.
pub(super) fn one_is_asked(
    providers: &[Provider],
    rules: Option<&[Rule]>,
    root: At<'_>,
    problems: &mut Problems,
) {
    let mut check = |accepts: &dyn Fn(ProviderId) -> bool, at: At<'_>| {
        let mut asked: Vec<&Provider> = Vec::new();
        for (index, provider) in providers.iter().enumerate() {
            if provider.introspection.is_none() || !accepts(ProviderId(index)) {
                continue;
            }
            let meets = |other: &&&Provider| {
                let mut places = other.sources.iter();
                places.any(|place| provider.sources.contains(place))
            };
            if let Some(other) = asked.iter().find(meets) {
                let seen = [
                    "takes opaque tokens of ",
                    &other.name,
                    " and of ",
                    &provider.name,
                    " from one place, and such a token names no issuer",
                ];
                let wanted =
                    "write provider_name, or from_headers with a place of its own in one of them";
                problems.add(at, &seen, &[wanted]);
                return;
            }
            asked.push(provider);
        }
    };
    let Some(rules) = rules else {
        return check(&|_| true, root.member("providers"));
    };
    let at = root.member("rules");
    for (index, rule) in rules.iter().enumerate() {
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let at = at.element(index);
        let accepts = |id| requirement.open_to(id).next().is_some();
        check(&accepts, at.member("requires"));
    }
}
