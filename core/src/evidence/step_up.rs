//! What a client must ask for so that a rule is met: values of `acr` that each suffice.

use super::{ClaimValue, DatedBy, Demand, Evidence, Facts, Line};
use crate::json::Json;

/// The values of `acr` that a client of this issuer may ask for, in order of preference: each of
/// them makes a sign-in that proves all that is wanted. None where only the age is wanted: any
/// sign-in will do.
pub(crate) fn acr_values(evidence: &Evidence, demand: &Demand) -> Vec<String> {
    let values = named(evidence, demand).into_iter();
    values.map(|named| named.value.to_owned()).collect()
}

/// The values that are left where the sign-in behind these claims does not prove the facts: those
/// after the one that the token shows, and those that are enough. A client that takes the first
/// each time (RFC 9470 section 4) comes to an end then: what it has shown is never asked for again.
pub(crate) fn acr_values_left(evidence: &Evidence, demand: &Demand, claims: &Json) -> Vec<String> {
    // An actor acts for the person. A sign-in of the person does not mend that.
    if claims.get("act").is_some() && !demand.delegated {
        return Vec::new();
    }
    let values = named(evidence, demand);
    let is_shown = |named: &Named<'_>| shows(evidence, claims, named.value);
    let first_left = values
        .iter()
        .rposition(is_shown)
        .map_or(0, |last| last.saturating_add(1));
    let values = values.into_iter().enumerate();
    values
        .filter(|(index, named)| *index >= first_left || (named.is_enough && !is_shown(named)))
        .map(|(_, named)| named.value.to_owned())
        .collect()
}

/// A value that a client may ask for.
struct Named<'c> {
    value: &'c str,
    /// Whatever else the token says that shows it.
    is_enough: bool,
}

fn named<'c>(evidence: &'c Evidence, demand: &Demand) -> Vec<Named<'c>> {
    if demand.facts.is_empty() {
        return Vec::new();
    }
    let lines = || evidence.lines.iter().filter(|line| is_of_use(line, demand));
    let mut values: Vec<Named<'c>> = Vec::new();
    for value in lines().flat_map(|line| asked_by(evidence, line)) {
        let asking = || lines().filter(|line| asked_by(evidence, line).any(|v| v == value));
        // Whether lines that read more than `acr` hold together is more than `acr` can say.
        let by_acr_alone =
            asking().filter(|line| line.request_acr.is_none() && reads_acr_only(evidence, line));
        let together = by_acr_alone.fold(Facts::NONE, |facts, line| facts.and(line.proves));
        let is_enough = together.hold(demand.facts);
        let suffices = is_enough || asking().any(|line| line.proves.hold(demand.facts));
        if suffices && !values.iter().any(|named| named.value == value) {
            values.push(Named { value, is_enough });
        }
    }
    values
}

/// Whether the token says that its sign-in reached this value. Entra says so in `acrs`, and not in
/// `acr`.
fn shows(evidence: &Evidence, claims: &Json, value: &str) -> bool {
    if !evidence.is_entra {
        return claims.get("acr").and_then(Json::as_str) == Some(value);
    }
    let Some(Json::Array(contexts)) = claims.get("acrs") else {
        return false;
    };
    contexts
        .iter()
        .any(|context| context.as_str() == Some(value))
}

/// The values that suffice at every issuer of these whose sign-ins could suffice at all: without a
/// token, nobody knows which issuer's it will be.
pub(crate) fn acr_values_of_all<'c>(
    issuers: impl Iterator<Item = &'c Evidence>,
    demand: &Demand,
) -> Vec<String> {
    let able = issuers.filter(|evidence| can_meet(evidence, demand));
    let mut values: Option<Vec<String>> = None;
    for evidence in able {
        let own = acr_values(evidence, demand);
        values = Some(match values {
            None => own,
            Some(mut all) => {
                all.retain(|value| own.contains(value));
                all
            }
        });
    }
    values.unwrap_or_default()
}

/// Whether some token of the issuer could meet the demand.
pub(crate) fn can_meet(evidence: &Evidence, demand: &Demand) -> bool {
    demand.facts.is_empty()
        || evidence.lines.iter().any(|first| {
            let lines = evidence.lines.iter();
            let together =
                lines.filter(|line| is_of_use(line, demand) && line.when.reads_as(&first.when));
            let facts = together.fold(Facts::NONE, |facts, line| facts.and(line.proves));
            facts.hold(demand.facts)
        })
}

/// A line without date is of no use to a rule that asks for an age.
fn is_of_use(line: &Line, demand: &Demand) -> bool {
    demand.max_age.is_none() || line.dated_by != DatedBy::Nothing
}

/// What one asks an issuer for to get a token in which this line holds.
fn asked_by<'c>(evidence: &Evidence, line: &'c Line) -> impl Iterator<Item = &'c str> {
    let own = line.request_acr.as_deref();
    let (acr, context) = if evidence.is_entra {
        (&[][..], context(line))
    } else {
        (&*line.when.acr_any_of, None)
    };
    let read = acr.iter().map(String::as_str).chain(context);
    let read = read.filter(move |value| own.is_none() && is_quotable(value));
    own.into_iter().chain(read)
}

/// The authentication context that a line reads off `acrs`.
fn context(line: &Line) -> Option<&str> {
    let claim = line.when.claim.as_ref()?;
    match (&*claim.path, &claim.value) {
        ([name], ClaimValue::Contains(context)) if name == "acrs" => Some(context),
        _ => None,
    }
}

/// Whether the line reads nothing but what a client asks for. At Entra that is a context.
fn reads_acr_only(evidence: &Evidence, line: &Line) -> bool {
    let is_only = if evidence.is_entra {
        context(line).is_some() && line.when.acr_any_of.is_empty()
    } else {
        line.when.claim.is_none()
    };
    is_only && !line.when.reads_amr()
}

/// Whether a value can stand in a list inside a quoted string (RFC 9470 section 3).
pub(crate) fn is_quotable(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
