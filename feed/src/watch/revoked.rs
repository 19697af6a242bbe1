//! Refresh tokens that were revoked, as the events say that a realm stores: what is read of them,
//! and which of them are on disk. They are read in rounds, the last first: so many of them in each
//! poll, from where the last one ended.

use std::collections::HashSet;

use passgate_core::Json;

use super::{APART, PAGE};
use crate::list::ENTRIES;

/// What is known of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The time of the last one of the last whole round, in milliseconds.
    last: u64,
    /// The same of the round that is under way.
    newest: u64,
    /// Where it goes on.
    first: usize,
    /// Those that are on disk and are read again: when each was, and its session.
    written: HashSet<(u64, String)>,
}

impl Events {
    /// All that are older than this were read, in milliseconds. One that another node of Keycloak
    /// has noted may come late.
    pub(super) fn oldest(&self) -> u64 {
        before(self.last)
    }

    /// Where the next page begins.
    pub(super) const fn first(&self) -> usize {
        self.first
    }

    /// Those of a page that are not older than this and are not on disk.
    pub(super) fn unwritten<'p, 'j>(
        &self,
        page: &'p [Revoked<'j>],
        oldest: u64,
    ) -> Vec<&'p Revoked<'j>> {
        let is_written = |event: &Revoked<'_>| {
            let key = (event.at, event.session.to_owned());
            self.written.contains(&key)
        };
        let new = page.iter().filter(|event| event.at >= oldest);
        new.filter(|event| !is_written(event)).collect()
    }

    /// A page is on disk. `now` in milliseconds: one from the future must not hide those that
    /// follow.
    pub(super) fn took(&mut self, page: &[Revoked<'_>], now: u64) {
        if self.first == 0 {
            let newest = page.iter().map(|event| event.at).fold(self.last, u64::max);
            self.newest = newest.min(now);
        }
        self.first = self.first.saturating_add(PAGE);
        let window = before(self.newest);
        for event in page.iter().filter(|event| event.at >= window) {
            // What does not fit is written again.
            if self.written.len() < ENTRIES {
                self.written.insert((event.at, event.session.to_owned()));
            }
        }
    }

    /// All were read.
    pub(super) fn end(&mut self) {
        self.last = self.newest;
        self.first = 0;
        let oldest = self.oldest();
        self.written.retain(|(at, _)| *at >= oldest);
    }

    /// A page failed. The next poll begins anew, so that the page hides none before it.
    pub(super) const fn fail(&mut self) {
        self.first = 0;
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.written.len()
    }
}

fn before(at: u64) -> u64 {
    at.saturating_sub(u64::try_from(APART.as_millis()).unwrap_or(u64::MAX))
}

/// A refresh token that was revoked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Revoked<'j> {
    /// In milliseconds since 1970, by Keycloak's clock.
    pub(super) at: u64,
    /// Empty: none ends.
    pub(super) session: &'j str,
    pub(super) person: Option<&'j str>,
}

/// `None`: it is not what Keycloak answers. An event without a session is about none. One without
/// `revoked_client` is about one access token (`token_id`): its session goes on.
pub(super) fn revoked(page: &Json) -> Option<Vec<Revoked<'_>>> {
    let Json::Array(events) = page else {
        return None;
    };
    let mut read = Vec::new();
    for event in events.iter() {
        // A Keycloak that does not know the question would tell of all kinds.
        if event.get("type").and_then(Json::as_str) != Some("REVOKE_GRANT") {
            return None;
        }
        let at = match event.get("time")? {
            Json::Number(time) => time.parse().ok()?,
            _ => return None,
        };
        let details = event.get("details");
        let client = details.and_then(|details| details.get("revoked_client"));
        let session = client.and_then(|_| event.get("sessionId"));
        read.push(Revoked {
            at,
            session: session.and_then(Json::as_str).unwrap_or_default(),
            person: event.get("userId").and_then(Json::as_str),
        });
    }
    Some(read)
}

/// Whether a realm stores them. A realm that names no types stores all that Keycloak stores by
/// default, and this is one.
pub(super) fn are_stored(realm: &Json) -> bool {
    let is_on = matches!(realm.get("eventsEnabled"), Some(Json::Bool(true)));
    let is_among = match realm.get("enabledEventTypes") {
        None | Some(Json::Null) => true,
        Some(Json::Array(types)) => {
            let mut names = types.iter().map(Json::as_str);
            types.is_empty() || names.any(|name| name == Some("REVOKE_GRANT"))
        }
        Some(_) => false,
    };
    is_on && is_among
}
