//! A verdict applied to the request of the effective context: log line, counter, header edits or
//! reply.

use passgate_core::{
    AnswerHeader, Internal, Lease, Permit, Rejection, Request, Settlement, UnixTime, Verdict,
    Verifier,
};
use proxy_wasm::types::{LogLevel, MapType};

use crate::{
    host::{self, HeaderMap, HostError},
    ledger::Ledger,
    state::Settled,
};

/// Applies what was settled at this time, to the trailers too where they came while the request
/// waited. Where the host refuses the edits the request is refused instead. Beside what was
/// decided, what the service's answer gets, and what a stream rests on that is to end with its
/// authority.
pub(crate) fn settle(
    Settlement { verdict, record }: Settlement,
    verifier: &Verifier,
    ledger: &mut Ledger,
    now: Option<UnixTime>,
    holds_trailers: bool,
) -> (Settled, Vec<AnswerHeader>, Option<Box<Lease>>) {
    let config = verifier.config();
    match verdict {
        Verdict::Allow(mut permit) if edit(&permit, verifier, holds_trailers).is_ok() => {
            ledger.enter(record, config, now);
            let settled = if permit.is_observed() {
                Settled::PassesUnchanged
            } else {
                Settled::Passes
            };
            let lease = permit.take_lease();
            (settled, permit.into_answer(), lease)
        }
        Verdict::Allow(_) => {
            let mut failed = verifier.failed(Request::new(&[]), Internal::Host, None);
            failed.record.request_id = record.request_id;
            settle(failed, verifier, ledger, now, holds_trailers)
        }
        Verdict::Deny(rejection) => {
            let request_id = record.request_id.clone();
            ledger.enter(record, config, now);
            reply(&rejection, request_id.as_deref());
            (Settled::Answered, Vec::new(), None)
        }
        Verdict::Serve(document) => {
            ledger.enter(record, config, now);
            let headers = document.headers();
            told(host_reply(
                document.status,
                document.code,
                &headers,
                &document.body,
            ));
            (Settled::Answered, Vec::new(), None)
        }
    }
}

fn edit(permit: &Permit, verifier: &Verifier, holds_trailers: bool) -> Result<(), HostError> {
    if holds_trailers && !permit.is_observed() {
        strip_trailers(verifier)?;
    }
    host::apply(MapType::HttpRequestHeaders, permit.edits())
}

/// Removes what is ours from the trailers of the effective context.
pub(crate) fn strip_trailers(verifier: &Verifier) -> Result<(), HostError> {
    let trailers = HeaderMap::get(MapType::HttpRequestTrailers)?;
    let pairs = trailers.pairs()?;
    let edits = verifier.strip_trailers(pairs.iter().map(|(name, _)| *name));
    host::apply(MapType::HttpRequestTrailers, &edits)
}

/// Answers in the upstream's place. A host that refuses even this keeps the request paused, which
/// is closed too.
pub(crate) fn reply(rejection: &Rejection, request_id: Option<&str>) {
    told(try_reply(rejection, request_id));
}

/// Ends the open stream of the effective context: with this answer, or on both sides if the
/// service's own has begun. The host knows which it is.
pub(crate) fn end(rejection: &Rejection, request_id: Option<&str>) {
    if try_reply(rejection, request_id).is_err() {
        // An error: it has ended.
        let _ = host::end_stream();
    }
}

fn try_reply(rejection: &Rejection, request_id: Option<&str>) -> Result<(), HostError> {
    host_reply(
        rejection.status,
        rejection.code,
        &rejection.headers(),
        &rejection.body(request_id),
    )
}

fn host_reply(
    status: u16,
    code: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<(), HostError> {
    let details = format!("passgate.{code}");
    host::reply(status, &details, headers, body)
}

fn told(sent: Result<(), HostError>) {
    if sent.is_err() {
        host::log(
            LogLevel::Error,
            "passgate: the host refused a local reply; the request stays paused",
        );
    }
}
