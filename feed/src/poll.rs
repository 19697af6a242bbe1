//! Fetches security event tokens (RFC 8936) where a provider does not push them. What was fetched
//! is judged as what is pushed, and acknowledged when it is on disk.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use passgate_core::{Json, limits};
use serde_json::{Map, Value, json};

use crate::{
    client::{Failed, Token, no_answer, read},
    config::Poll,
    fetch::{Failure, Way},
    http::{Outcome, Service, error_of},
    judge::What,
    log,
};

/// Most tokens of one answer.
const AT_ONCE: usize = 50;
/// Most bytes of one answer.
const BYTES: usize = (limits::EVENT_TOKEN_BYTES + 1_024) * AT_ONCE;
/// Where something came, the next poll tells so after this: a transmitter that sends the same for
/// ever keeps nothing busy.
const NEXT: Duration = Duration::from_millis(200);
/// After many failures it is tried this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The stream of one provider.
struct Stream {
    service: Arc<Service>,
    /// The provider's place.
    index: usize,
    way: Way,
    token: Token,
    /// What the transmitter is told with the next poll.
    told: Told,
}

/// What became of the tokens of the last answer, by `jti`.
#[derive(Default)]
struct Told {
    acknowledged: Vec<Value>,
    errors: Map<String, Value>,
}

/// Polls for each provider that says so, until the runtime ends.
pub(crate) fn start(service: &Arc<Service>) -> Result<(), Box<dyn Error>> {
    for (index, provider) in service.config.providers.iter().enumerate() {
        let poll = provider
            .events
            .as_ref()
            .and_then(|events| events.poll.as_ref());
        let Some(poll) = poll else { continue };
        let ways = || -> Result<(Way, Token), Failure> {
            let way = Way::to(&poll.uri, poll.trusted_ca.as_deref())?;
            Ok((way, Token::of(&poll.shows, poll.trusted_ca.as_deref())?))
        };
        let (way, token) = ways().map_err(|error| format!("{}: {error}", provider.name))?;
        let stream = Stream {
            service: Arc::clone(service),
            index,
            way,
            token,
            told: Told::default(),
        };
        tokio::spawn(stream.run());
    }
    Ok(())
}

impl Stream {
    async fn run(mut self) {
        let service = Arc::clone(&self.service);
        let Some(provider) = service.config.providers.get(self.index) else {
            return;
        };
        let events = provider.events.as_ref();
        let Some(poll) = events.and_then(|events| events.poll.as_ref()) else {
            return;
        };
        let name = &*provider.name;
        let mut pause = poll.interval;
        loop {
            let began = Instant::now();
            let outcome = match self.poll(poll).await {
                Ok(is_more) => {
                    // A transmitter that has held the poll was waited for already.
                    let rest = poll.interval.saturating_sub(match poll.long_polling {
                        Some(_) => began.elapsed(),
                        None => Duration::ZERO,
                    });
                    pause = if is_more { NEXT } else { rest.max(NEXT) };
                    "ok"
                }
                Err((outcome, why)) => {
                    pause = pause.saturating_mul(2).clamp(poll.interval, LONGEST_PAUSE);
                    log::warn(
                        "events cannot be fetched",
                        &[("provider", name), ("error", &why)],
                    );
                    outcome
                }
            };
            let labels = [("provider", name), ("outcome", outcome)];
            service.metrics.count("passgate_feed_polls_total", &labels);
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells what became of the last tokens, and fetches the next. True: there is something to tell
    /// or to fetch at once.
    async fn poll(&mut self, poll: &Poll) -> Result<bool, Failed> {
        // What is to be told is told at once: a poll that is held may break off. The next one is.
        let tells = !self.told.acknowledged.is_empty() || !self.told.errors.is_empty();
        let held = poll.long_polling.filter(|_| !tells);
        let is_next = poll.long_polling.is_some() && tells;
        let body = json!({
            "maxEvents": AT_ONCE,
            "returnImmediately": held.is_none(),
            "ack": self.told.acknowledged,
            "setErrs": self.told.errors,
        });
        let authorization = self.token.get(poll.timeout).await?;
        let came = self
            .way
            .post(
                ("application/json", body.to_string()),
                &authorization,
                (BYTES, poll.timeout.saturating_add(held.unwrap_or_default())),
            )
            .await
            .map_err(no_answer)?;
        if came.status == 401 {
            self.token.forget();
        }
        let answer = read(&came, BYTES)?;
        self.told = Told::default();
        let Some(Json::Object(sets)) = answer.get("sets") else {
            return Err(("unreadable", "expected sets, an object".to_owned()));
        };
        let service = Arc::clone(&self.service);
        let Some(provider) = service.config.providers.get(self.index) else {
            return Ok(false);
        };
        for (jti, token) in sets {
            let token = token.as_str().unwrap_or_default().to_owned();
            let of = (self.index, provider);
            match service.take(of, What::Security, token).await {
                Outcome::Done => self.told.acknowledged.push(Value::from(&**jti)),
                Outcome::Wrong(fault) => {
                    self.told
                        .errors
                        .insert(String::from(&**jti), error_of(fault));
                }
                // It comes again.
                Outcome::Later(..) => {}
            }
        }
        let Told {
            acknowledged,
            errors,
        } = &self.told;
        Ok(is_next || !acknowledged.is_empty() || !errors.is_empty())
    }
}
