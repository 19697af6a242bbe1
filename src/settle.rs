//! A verdict applied to the request of the effective context: log line, counter, header edits or reply.

use passgate_core::{
    Request, Step, UnixTime, Verdict, Verifier,
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

/// Applies a step that was settled at this time. Where the host refuses the edits the request is refused instead.
pub(crate) fn settle(
    step: Step,
    verifier: &Verifier,
    ledger: &mut Ledger,
    now: Option<UnixTime>,
) -> Settled {
    let Step::Settle(verdict, record) = step else {
        return Settled::Answered;
    };
    let config = verifier.config();
    match verdict {
        Verdict::Allow(permit)
            if host::apply(MapType::HttpRequestHeaders, permit.edits()).is_ok() =>
        {
            ledger.enter(*record, config, now);
            if permit.is_observed() {
                Settled::PassesUnchanged
            } else {
                Settled::Passes
            }
        }
        Verdict::Allow(_) => {
            let mut step = verifier.failed(Request::new(&[]), Internal::Host, None);
            if let Step::Settle(_, failure) = &mut step {
                failure.request_id = record.request_id;
            }
            settle(step, verifier, ledger, now)
        }
        Verdict::Deny(rejection) => {
            let request_id = record.request_id.clone();
            ledger.enter(*record, config, now);
            reply(&rejection, request_id.as_deref());
            Settled::Answered
        }
        Verdict::Serve(document) => {
            ledger.enter(*record, config, now);
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
