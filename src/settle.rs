//! A verdict applied to the request of the effective context: log line, counter, header edits or reply.

use passgate_core::{
    Request, Step, Verdict, Verifier,
    reason::{Internal, Rejection},
    verify::SERVED,
};
use proxy_wasm::types::{LogLevel, MapType};

use crate::{host, ledger::Ledger};

/// Whether the request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Its headers are edited; let it go on.
    Passes,
    /// It is only observed; let it go on as it came.
    PassesUnchanged,
    /// It was answered.
    Answered,
}

impl Settled {
    /// Whether the request goes on to the upstream.
    pub(crate) const fn goes_on(self) -> bool {
        match self {
            Self::Passes | Self::PassesUnchanged => true,
            Self::Answered => false,
        }
    }
}

/// Applies a settled step. Where the host refuses the edits the request is refused instead.
pub(crate) fn settle(
    step: Step,
    request_id: Option<&str>,
    verifier: &Verifier,
    ledger: &mut Ledger,
) -> Settled {
    let Step::Settle(verdict, record) = step else {
        return Settled::Answered;
    };
    match verdict {
        Verdict::Allow(permit)
            if host::apply(MapType::HttpRequestHeaders, permit.edits()).is_ok() =>
        {
            ledger.enter(*record, verifier.config());
            if permit.is_observed() {
                Settled::PassesUnchanged
            } else {
                Settled::Passes
            }
        }
        Verdict::Allow(_) => settle(
            verifier.failed(Request::new(&[]), Internal::Host, None),
            request_id,
            verifier,
            ledger,
        ),
        Verdict::Deny(rejection) => {
            ledger.enter(*record, verifier.config());
            reply(&rejection, request_id);
            Settled::Answered
        }
        Verdict::Serve(document) => {
            ledger.enter(*record, verifier.config());
            answer(document.status, SERVED, &document.headers(), &document.body);
            Settled::Answered
        }
    }
}

/// Answers in the upstream's place. A host that refuses even this keeps the request paused, which is closed too.
pub(crate) fn reply(rejection: &Rejection, request_id: Option<&str>) {
    answer(
        rejection.status,
        rejection.code,
        &rejection.headers(),
        &rejection.body(request_id),
    );
}

fn answer(status: u16, code: &str, headers: &[(&str, String)], body: &str) {
    let details = format!("passgate.{code}");
    let sent = host::reply(status, &details, headers, body);
    if sent.is_err() {
        host::log(
            LogLevel::Error,
            "passgate: the host refused a local reply; the request stays paused",
        );
    }
}
