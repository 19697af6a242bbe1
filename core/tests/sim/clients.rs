//! The clients: which keys their tokens name, and whether what the cache says about them is true.

use core::time::Duration;

use passgate_core::{Algorithm, Lookup, Request, Settlement, Step, Tally, UnixTime, Verdict};

use crate::{
    origin::{self, Key},
    world::{Site, World},
};

/// The key that a token asks for; honest, if it was published when the token was made.
#[derive(Clone)]
pub(crate) struct Ask {
    kid: Option<String>,
    algorithm: Algorithm,
    honest: bool,
    /// Who signed the token, where there was somebody.
    signer: Option<Key>,
}

/// What the cache said, as far as the history goes on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Found,
    Pending,
    Settled,
}

pub(crate) fn ask_for(key: &Key, honest: bool) -> Ask {
    Ask {
        kid: Some(key.kid.clone()),
        algorithm: Algorithm::Es256,
        honest,
        signer: Some(key.clone()),
    }
}

impl World {
    pub(crate) fn any_ask(&mut self, site: usize) -> Ask {
        let choice = self.random.between(0, 99);
        let Site {
            published,
            withdrawn,
            made,
            ..
        } = &self.sites[site];
        let made_up = |kid: String| Ask {
            kid: Some(kid),
            algorithm: Algorithm::Es256,
            honest: false,
            signer: None,
        };
        match choice {
            0..=59 => {
                let index = usize::try_from(self.random.next()).unwrap() % published.len();
                ask_for(&published[index], true)
            }
            60..=69 => withdrawn
                .last()
                .map_or_else(|| made_up("never".into()), |key| ask_for(key, false)),
            70..=74 => made_up(format!("key-{made}")),
            75..=79 => Ask {
                kid: None,
                algorithm: Algorithm::Es256,
                honest: false,
                signer: None,
            },
            80..=84 => Ask {
                algorithm: Algorithm::Rs256,
                signer: None,
                ..ask_for(&published[0], false)
            },
            _ => made_up(format!("made-up-{}", self.random.between(0, 9))),
        }
    }

    /// Sends the one token of this key, which the verifier remembers once it has passed: it passes
    /// while the key is in force, and not a moment longer.
    fn judge(&mut self, site: usize, signer: &Key, time: UnixTime) {
        let now = self.now();
        let Some(verifier) = self.verifier.as_mut().filter(|_| time < origin::TOKENS_END) else {
            return;
        };
        let name = (site, signer.kid.clone(), signer.point);
        let token = self
            .tokens
            .entry(name)
            .or_insert_with(|| signer.token(site));
        let cookie = format!("token={token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
            (b"cookie", cookie.as_bytes()),
        ];
        let step = verifier.verify(Request::new(&headers), &mut self.cache, time);
        let passes = matches!(
            step,
            Step::Settle(Settlement {
                verdict: Verdict::Allow(_),
                ..
            })
        );
        let in_force = self.sites[site].model.keys(now).unwrap_or_default();
        let mut of_name = in_force.iter().filter(|key| key.kid == signer.kid);
        let is_in_force = of_name.next() == Some(signer) && of_name.next().is_none();
        assert_eq!(
            passes, is_in_force,
            "{step:?} for {signer:?}, with {in_force:?} in force"
        );
        let Tally { hits, misses } = verifier.take_tally();
        self.tally.remembered += hits;
        self.tally.verified += misses;
        self.tally.stopped += u64::from(!passes);
    }

    /// Asks the cache, and compares its answer with the model.
    pub(crate) fn ask(&mut self, site: usize, ask: &Ask) -> Said {
        let time = self.show();
        let now = self.now();
        if let Some(signer) = &ask.signer {
            self.judge(site, signer, time);
        }
        let Site {
            id,
            model,
            published,
            ..
        } = &mut self.sites[site];
        let name = ask.kid.as_deref().unwrap_or("");
        model.asks(name, now);
        let in_force = model.keys(now);
        let matching = in_force.map_or(0, |keys| {
            keys.iter()
                .filter(|key| ask.kid.as_ref().is_none_or(|kid| *kid == key.kid))
                .count()
        });
        let wanted = ask.algorithm == Algorithm::Es256 && matching == 1;
        let lookup = self
            .cache
            .lookup(*id, ask.kid.as_deref(), ask.algorithm, time);
        assert_eq!(
            wanted,
            matches!(lookup, Lookup::Found(_)),
            "{lookup:?} for {name}, with {in_force:?} in force"
        );
        // A guess that came true is honest from then on, even an attacker's.
        let honest = ask.honest && published.iter().any(|key| key.kid == name);
        let (said, count) = match lookup {
            Lookup::Found(jwk) => {
                let key = in_force
                    .unwrap()
                    .iter()
                    .find(|key| Some(key.kid.as_str()) == jwk.kid.as_deref());
                assert_eq!(
                    key.unwrap().verifying_key(),
                    &jwk.key,
                    "not the key that was published"
                );
                (Said::Found, &mut self.tally.found)
            }
            Lookup::Pending => {
                model.wants();
                if honest {
                    model.misses(name, now);
                }
                (Said::Pending, &mut self.tally.pending)
            }
            Lookup::Unknown => {
                model.unknown(name, honest, now);
                if honest {
                    (Said::Settled, &mut self.tally.guessed)
                } else {
                    (Said::Settled, &mut self.tally.unknown)
                }
            }
            Lookup::Misfit => {
                assert!(ask.algorithm == Algorithm::Rs256 && matching == 1);
                (Said::Settled, &mut self.tally.misfit)
            }
            Lookup::Ambiguous => {
                assert!(ask.kid.is_none() && matching > 1);
                (Said::Settled, &mut self.tally.ambiguous)
            }
            Lookup::Unavailable { retry_after, .. } => {
                model.wants();
                if honest {
                    model.misses(name, now);
                }
                let longest = 60_000
                    .max(model.times.cooldown)
                    .max(model.times.timeout + 1_000);
                let longest = Duration::from_millis(longest);
                assert!(retry_after >= Duration::from_secs(1) && retry_after <= longest);
                (Said::Settled, &mut self.tally.unavailable)
            }
        };
        *count += 1;
        if said == Said::Pending {
            // A request that waits, waits for something that is under way or starts in a moment.
            let soon = self.cache.next_wakeup().unwrap().as_millis() <= self.wall + 200;
            assert!(
                soon || self.cache.keys().is_fetching(self.sites[site].id),
                "waits for nothing"
            );
        }
        said
    }
}
