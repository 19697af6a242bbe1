//! For operators and their tools:
//!
//! ```text
//! POST   /PROVIDER/entries    ends what these entries name
//! DELETE /PROVIDER/entries    takes them away again
//! GET    /healthz, /readyz    this program runs; it serves lists
//! GET    /metrics             for Prometheus
//! ```

use std::time::Duration;

use hyper::{Method, Request, StatusCode, body::Incoming};
use passgate_core::{Json, RevocationEntry, limits};
use serde_json::json;

use super::{
    Service,
    answer::{self, Response, later, refused, shows},
};
use crate::{
    event::Ending,
    log,
    store::{Act, Refused},
};

/// Most bytes of a body, and most entries in it.
const BODY_BYTES: usize = 1 << 20;
const ENTRIES: usize = 1_000;
/// Longest reason, in bytes: it is sent to every gate.
const REASON_BYTES: usize = 256;

impl Service {
    /// What was asked for, and the answer.
    pub(super) async fn admin(&self, request: Request<Incoming>) -> (&'static str, Response) {
        let path = request.uri().path().to_owned();
        let text = |status, text: &str| refused(status, text);
        match (request.method(), &*path) {
            (&Method::GET, "/healthz") => return ("health", text(StatusCode::OK, "ok")),
            // A store that cannot be written is not a reason to stop serving lists.
            (&Method::GET, "/readyz") => return ("readiness", text(StatusCode::OK, "ok")),
            (&Method::GET, "/metrics") => return ("metrics", self.exposed()),
            _ => {}
        }
        let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
        let found = parts.and_then(|(name, what)| Some((self.provider(name)?, what)));
        match (found, request.method().clone()) {
            (Some(((index, provider), "entries")), Method::POST | Method::DELETE) => {
                let answer = self.entries((index, &provider.name), request).await;
                ("entries", answer)
            }
            _ => (
                "nothing",
                refused(StatusCode::NOT_FOUND, "there is nothing here"),
            ),
        }
    }

    fn exposed(&self) -> Response {
        let mut lists = Vec::new();
        for (index, provider) in self.config.providers.iter().enumerate() {
            if let Some(list) = self.store.document(index) {
                lists.push((&*provider.name, list.len(), list.bytes(), list.sequence));
            }
        }
        let text = self.metrics.exposed(&lists);
        answer::answer(StatusCode::OK, "text/plain; version=0.0.4", text)
    }

    async fn entries(&self, (index, name): (usize, &str), request: Request<Incoming>) -> Response {
        let Some(operator) = &self.config.operator else {
            return refused(StatusCode::FORBIDDEN, "admin.operator is not configured");
        };
        if !shows(request.headers(), operator) {
            return answer::unauthorized();
        }
        let is_removal = request.method() == Method::DELETE;
        let body = match answer::text(request.into_body(), BODY_BYTES).await {
            Ok(body) => body,
            Err((status, why)) => return refused(status, why),
        };
        let endings = match read(&body) {
            Ok(endings) => endings,
            Err(odd) => return refused(StatusCode::BAD_REQUEST, &odd),
        };
        let count = endings.len().to_string();
        let act = if is_removal {
            let entries = endings.into_iter().map(|ending| ending.entry);
            Act::Remove(entries.collect())
        } else {
            Act::End(endings)
        };
        let what = if is_removal {
            "entries are removed"
        } else {
            "entries are written"
        };
        match self.store.write(index, act).await {
            Ok(_) => {
                log::info(
                    what,
                    &[("provider", name), ("entries", &count), ("by", "operator")],
                );
                let list = self.store.document(index);
                let numbers = list.map(|list| (list.epoch, list.sequence));
                let (epoch, sequence) = numbers.unwrap_or_default();
                answer::json(
                    StatusCode::OK,
                    &json!({ "epoch": epoch, "sequence": sequence }),
                )
            }
            Err(why) => {
                log::warn(
                    "entries are put off",
                    &[("provider", name), ("why", why.words())],
                );
                let status = match why {
                    Refused::Full => StatusCode::INSUFFICIENT_STORAGE,
                    Refused::Disk | Refused::Busy => StatusCode::SERVICE_UNAVAILABLE,
                };
                later(refused(status, why.words()), Duration::from_secs(5))
            }
        }
    }
}

/// `{"entries": [{…}]}`, each as it stands in the document. What a gate would skip is refused, with
/// all the others.
fn read(body: &str) -> Result<Vec<Ending>, String> {
    const WANTED: &str = r#"write {"entries": [{"sub": "alice", "not_before": 1795900000}]}"#;
    let json = Json::parse(body.as_bytes(), limits::DOCUMENT_JSON_NODES);
    let json = json.map_err(|error| format!("{error}; {WANTED}"))?;
    let entries = match &json {
        Json::Object(members) if members.len() == 1 => json.get("entries"),
        _ => None,
    };
    let Some(Json::Array(entries)) = entries else {
        return Err(WANTED.to_owned());
    };
    if entries.is_empty() || entries.len() > ENTRIES {
        return Err(format!(
            "entries: {} of them; write 1 to {ENTRIES}",
            entries.len()
        ));
    }
    let mut endings = Vec::new();
    for (index, json) in entries.iter().enumerate() {
        let at = |odd: &str| format!("entries[{index}]: {odd}");
        let known = ["not_before", "reason"];
        let entry = RevocationEntry::read(json).ok_or_else(|| {
            at("not an entry that gates read; write one of sub, sid, jti, client_id, credential, aaguid and jkt, and not_before in seconds")
        })?;
        if let Json::Object(members) = json {
            let is_other = |name: &str| name != entry.kind && !known.contains(&name);
            if let Some((name, _)) = members.iter().find(|(name, _)| is_other(name)) {
                return Err(at(&format!(
                    "{name}: unknown here; write not_before and reason"
                )));
            }
        }
        let reason = match json.get("reason") {
            None => None,
            Some(Json::String(reason)) if reason.len() <= REASON_BYTES => {
                Some(String::from(&**reason))
            }
            Some(_) => return Err(at("reason: write a string of at most 256 bytes")),
        };
        endings.push(Ending {
            entry,
            reason,
            person: None,
        });
    }
    Ok(endings)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn entries_are_read_as_gates_read_them() {
        let good = r#"{"entries":[{"sub":"alice","not_before":5,"reason":"left"},{"aaguid":"EE882879-721C-4913-9775-3DFCCE97072A"}]}"#;
        let endings = read(good).unwrap();
        assert_eq!(endings[0].entry.not_before, Some(5));
        assert_eq!(
            endings[1].entry.name,
            "ee882879-721c-4913-9775-3dfcce97072a"
        );
        for (body, told) in [
            ("", "write {\"entries\""),
            ("{}", "write {\"entries\""),
            (r#"{"entries":[],"x":1}"#, "write {\"entries\""),
            (r#"{"entries":[]}"#, "entries: 0 of them; write 1 to 1000"),
            (
                r#"{"entries":[{"sub":"a"},{"sub":"a","sid":"b"}]}"#,
                "entries[1]: not an entry",
            ),
            (
                r#"{"entries":[{"sub":"a","not_before":"now"}]}"#,
                "entries[0]: not an entry",
            ),
            (
                r#"{"entries":[{"sub":"a","notbefore":1}]}"#,
                "entries[0]: notbefore: unknown here",
            ),
            (
                r#"{"entries":[{"sub":"a","reason":1}]}"#,
                "entries[0]: reason: write a string",
            ),
            (r#"{"entries":[{"jkt":"a"}]}"#, "entries[0]: not an entry"),
        ] {
            let odd = read(body).err().unwrap();
            assert!(odd.contains(told), "{body}: {odd}");
        }
    }
}
