//! What was asked.

use std::ffi::OsStr;

use passgate_arguments::{Line, Program};
use passgate_core::UnixTime;

/// How `passgate explain` is called.
pub(crate) const PROGRAM: Program = Program {
    name: "passgate",
    usage: USAGE,
    options: &[
        "config",
        "token",
        "claims",
        "jwks",
        "revocations",
        "peer",
        "mcp",
        "introspection",
        "request",
        "at",
    ],
    flags: &[],
};

const USAGE: &str = "\
usage: passgate explain OPTIONS    judge one request and say why

  --config FILE                 the configuration
  --request 'GET /payments'     the request; a whole URL names the host too
  --token TOKEN | --token -     the token, or - to read it from standard input,
                                where no history of a shell keeps it
  --claims FILE                 claims as JSON, in place of a token, as if signed
  --jwks FILE                   the provider's keys, to check the signature with
  --revocations FILE            the provider's list of revocations
  --peer SPIFFE-ID              the workload at the other end of the connection,
                                as if its certificate had been verified
  --mcp 'tools/call delete_x'   what the request calls, as if Envoy's filter had
                                read it in the body; default: nobody can tell
  --introspection FILE          what the provider answers about the token
  --at 2027-06-30T12:00:00Z     the time, with its offset, or in seconds since 1970;
                                default: now

exit status: 0 passed, 1 refused, 2 unreadable or wrong usage
";

/// The options of `passgate explain`.
pub(super) struct Arguments<'l> {
    pub(super) config: &'l OsStr,
    pub(super) token: Option<&'l OsStr>,
    pub(super) claims: Option<&'l OsStr>,
    pub(super) jwks: Option<&'l OsStr>,
    pub(super) revocations: Option<&'l OsStr>,
    pub(super) peer: Option<&'l OsStr>,
    pub(super) mcp: Option<&'l OsStr>,
    pub(super) introspection: Option<&'l OsStr>,
    pub(super) request: String,
    pub(super) at: Option<UnixTime>,
}

impl<'l> Arguments<'l> {
    pub(super) fn parse(line: &'l Line) -> Result<Self, String> {
        if let [word, ..] = line.words().as_slice() {
            return Err(usage(&format!(
                "{} is not an option",
                word.to_string_lossy()
            )));
        }
        let at = line.value("at").map(time).transpose()?;
        let config = line.value("config");
        let config = config.ok_or_else(|| usage("--config is missing"))?;
        let (token, claims) = (line.value("token"), line.value("claims"));
        if token.is_some() && claims.is_some() {
            return Err(usage(
                "--token and --claims are both given; give one of them",
            ));
        }
        let request = line.value("request");
        let request =
            request.ok_or_else(|| usage("--request is missing, such as 'GET /payments'"))?;
        Ok(Self {
            config,
            token,
            claims,
            jwks: line.value("jwks"),
            revocations: line.value("revocations"),
            peer: line.value("peer"),
            mcp: line.value("mcp"),
            introspection: line.value("introspection"),
            request: request.to_string_lossy().into_owned(),
            at,
        })
    }
}

/// RFC 3339, or seconds since the epoch.
fn time(value: &OsStr) -> Result<UnixTime, String> {
    let text = value.to_str();
    let seconds = text.and_then(|text| text.parse().ok().map(UnixTime::from_secs));
    let time = seconds.or_else(|| text.and_then(UnixTime::from_rfc3339));
    time.ok_or_else(|| {
        usage("--at wants a time such as 2027-06-30T12:00:00Z, or seconds since 1970")
    })
}

fn usage(problem: &str) -> String {
    PROGRAM.mistake(problem)
}
