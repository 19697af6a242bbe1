//! What a client must ask for so that a rule is met: values of `acr` that each suffice.

use super::{ClaimValue, DatedBy, Demand, Evidence, Facts, Line};

/// The values of `acr` that a client of this issuer may ask for, in order of preference: each of them makes a sign-in
/// that proves all that is wanted. None where only the age is wanted: any sign-in will do.
pub(crate) fn acr_values(evidence: &Evidence, demand: &Demand) -> Vec<String> {
    if demand.facts.is_empty() {
        return Vec::new();
    }
    let lines = || evidence.lines.iter().filter(|line| is_of_use(line, demand));
    let mut values: Vec<String> = Vec::new();
    for value in lines().flat_map(|line| asked_by(evidence, line)) {
        let asking = || lines().filter(|line| asked_by(evidence, line).any(|v| v == value));
        // Whether lines that read more than `acr` hold together is more than `acr` can say.
        let by_acr_alone =
            asking().filter(|line| line.request_acr.is_none() && reads_acr_only(line));
        let together = by_acr_alone.fold(Facts::NONE, |facts, line| facts.and(line.proves));
        let suffices =
            asking().any(|line| line.proves.hold(demand.facts)) || together.hold(demand.facts);
        if suffices && !values.iter().any(|v| v == value) {
            values.push(value.to_owned());
        }
    }
    values
}

/// The values that suffice at every issuer of these whose sign-ins could suffice at all: before there is a token,
/// nobody knows whose it will be.
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

fn reads_acr_only(line: &Line) -> bool {
    !line.when.reads_amr() && line.when.claim.is_none()
}

/// Whether a value can stand in a list inside a quoted string (RFC 9470 section 3).
pub(crate) fn is_quotable(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
