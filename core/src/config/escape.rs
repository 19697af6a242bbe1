//! A strict rule for some hosts, and a weaker one behind it for all: whoever names another host
//! gets past the strict one. What a client writes into `Host` is its own to choose, and the service
//! may well answer all the same. So it is with a weak rule for some hosts before a strict one for
//! all, where Envoy leads all hosts to one service; and with two rules for some hosts each.

use super::{Action, HostMatch, Matcher, PathMatch, Rule};

/// The first of these later rules that does not ask for as much, for paths of this rule and every
/// host.
pub(super) fn by_another_host<'c>(
    rule: &Rule,
    mut later: impl Iterator<Item = (usize, &'c Rule)>,
) -> Option<usize> {
    if rule.matcher.hosts.is_empty() {
        return None;
    }
    let everywhere = Matcher {
        hosts: Vec::new(),
        ..rule.matcher.clone()
    };
    // A rule behind one that is about all of them is never asked.
    let mut is_reached = true;
    later.find_map(|(index, other)| {
        let (wide, narrow) = (&other.matcher, &everywhere);
        if !is_reached || !wide.hosts.is_empty() {
            return None;
        }
        is_reached = !wide.covers(narrow);
        (wide.meets(narrow) && !asks_for_as_much(&other.action, &rule.action)).then_some(index)
    })
}

/// A host by which a client gets past rules, unless Envoy leads it to another service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEscape<'c> {
    /// The host that the client writes, as the weaker rule names it.
    pub host: &'c HostMatch,
    /// The index of the rule that names it.
    pub weaker: usize,
    /// The rules that ask for more of the same paths.
    pub past: Vec<Past>,
}

/// A rule that a client gets past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its index.
    pub stricter: usize,
    /// Whether the weaker rule comes later, for hosts of this one, too: then both are about one
    /// service.
    pub is_about_the_same: bool,
}

/// Each host of a rule with hosts that does not ask for as much as other rules about the same
/// paths, and is reached by a client that names this host in the place of one of theirs.
pub(super) fn by_its_host(rules: &[Rule]) -> impl Iterator<Item = HostEscape<'_>> {
    let on_all_hosts = |rule: &Rule| Matcher {
        hosts: Vec::new(),
        ..rule.matcher.clone()
    };
    let everywhere: Vec<Matcher> = rules.iter().map(on_all_hosts).collect();
    let numbered = rules.iter().enumerate();
    let named = numbered.flat_map(|(index, rule)| {
        let hosts = rule.matcher.hosts.iter();
        hosts.map(move |host| (index, rule, host))
    });
    named.filter_map(move |(weaker, rule, host)| {
        let both = || rules.iter().zip(&everywhere);
        let first = both().take(weaker);
        let first = first.filter(|(earlier, _)| earlier.matcher.takes_host(host));
        let first: Vec<&Matcher> = first.map(|(_, earlier)| earlier).collect();
        let decided = |matcher: &Matcher| first.iter().any(|earlier| earlier.covers(matcher));
        if everywhere.get(weaker).is_some_and(decided) {
            return None;
        }
        let past = both().enumerate().filter_map(|(stricter, (other, visit))| {
            let is_escape = !asks_for_as_much(&rule.action, &other.action)
                && rule.matcher.meets(visit)
                && !decided(visit);
            let (own, theirs) = (&rule.matcher.hosts, &other.matcher.hosts);
            let is_later = stricter < weaker;
            let mut shared = theirs.iter().map(|host| rule.matcher.takes_host(host));
            // What an earlier rule allows on all hosts of the stricter one is meant.
            if !is_escape || !is_later && !theirs.is_empty() && shared.all(|is_shared| is_shared) {
                return None;
            }
            let mut within = own.iter().map(|host| other.matcher.takes_host(host));
            let is_about_the_same = is_later && (shared.any(|it| it) || within.any(|it| it));
            Some(Past {
                stricter,
                is_about_the_same,
            })
        });
        let past: Vec<Past> = past.collect();
        (!past.is_empty()).then_some(HostEscape { host, weaker, past })
    })
}

/// Each rule whose path has a case, with the first later one that takes its path in another case
/// and does not ask for as much.
pub(super) fn by_another_case(rules: &[Rule]) -> impl Iterator<Item = (usize, usize)> {
    rules.iter().enumerate().filter_map(|(index, rule)| {
        let any_case = Matcher {
            ignore_case: true,
            ..rule.matcher.clone()
        };
        if rule.matcher.covers(&any_case) {
            return None;
        }
        let later = rules.iter().enumerate().skip(index.saturating_add(1));
        let is_weaker = |other: &Rule| {
            // One for the very path in the same case does not take it in another one.
            let is_wider = other.matcher.ignore_case || other.matcher.path != rule.matcher.path;
            let is_asked = is_wider && other.matcher.meets(&any_case);
            is_asked && !asks_for_as_much(&other.action, &rule.action)
        };
        let mut taking =
            later.filter(|(_, other)| is_weaker(other) || other.matcher.covers(&any_case));
        let (weaker, other) = taking.next()?;
        is_weaker(other).then_some((index, weaker))
    })
}

/// Each rule whose paths a route makes of others that begin with `from`, which becomes `to`; with
/// the rule that decides about those, if it does not ask for as much.
pub(super) fn by_rewrite(
    rules: &[Rule],
    from: &str,
    to: &str,
) -> impl Iterator<Item = (usize, usize)> {
    let by_path = |matcher: &Matcher| Matcher {
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: true,
        ..matcher.clone()
    };
    rules.iter().enumerate().filter_map(move |(index, rule)| {
        let visit = Matcher {
            path: before_rewrite(&rule.matcher.path, from, to)?,
            ..rule.matcher.clone()
        };
        let path = by_path(&visit);
        // A weaker rule within the stricter one, or for some of the paths, is an exception.
        if by_path(&rule.matcher).covers(&path) {
            return None;
        }
        let is_weaker = |other: &Rule| {
            !asks_for_as_much(&other.action, &rule.action)
                && other.matcher.meets(&visit)
                && by_path(&other.matcher).covers(&path)
        };
        let mut all = rules.iter().enumerate();
        let (decides, other) =
            all.find(|(_, other)| is_weaker(other) || other.matcher.covers(&visit))?;
        is_weaker(other).then_some((index, decides))
    })
}

/// Each rule that a route's whole new path `to` is about, where the route makes it of some of these
/// paths; with a rule that decides about those, if it does not ask for as much.
pub(super) fn by_whole_rewrite<'r>(
    rules: &'r [Rule],
    from: &'r PathMatch,
    to: &str,
) -> impl Iterator<Item = (usize, usize)> + use<'r> {
    let on = |path: &PathMatch, rule: &Rule| Matcher {
        path: path.clone(),
        ..rule.matcher.clone()
    };
    let target = PathMatch::Exact(to.to_owned());
    rules.iter().enumerate().filter_map(move |(index, rule)| {
        let (made, visit) = (on(&target, rule), on(from, rule));
        let decided = rules.iter().find(|other| other.matcher.covers(&made))?;
        if !core::ptr::eq(decided, rule) || rule.matcher.covers(&visit) {
            return None;
        }
        let is_weaker = |other: &Rule| {
            !asks_for_as_much(&other.action, &rule.action) && other.matcher.meets(&visit)
        };
        let mut all = rules.iter().enumerate();
        let (decides, other) =
            all.find(|(_, other)| is_weaker(other) || other.matcher.covers(&visit))?;
        is_weaker(other).then_some((index, decides))
    })
}

/// What a path was, if `to` at its beginning was `from` before.
fn before_rewrite(path: &PathMatch, from: &str, to: &str) -> Option<PathMatch> {
    let before = |text: &str| Some([from, text.strip_prefix(to)?].concat());
    let all_of = |begin: &str| match begin.strip_suffix('/') {
        Some(_) => PathMatch::Prefix(begin.to_owned()),
        None => PathMatch::Segments(begin.to_owned()),
    };
    match path {
        PathMatch::Any => Some(all_of(from)),
        PathMatch::Exact(text) => before(text).map(PathMatch::Exact),
        PathMatch::Prefix(text) | PathMatch::Segments(text) => {
            let is_within = to.strip_prefix(&**text).is_some_and(|rest| {
                text.ends_with('/') || rest.is_empty() || rest.starts_with('/')
            });
            let begin = if is_within {
                Some(from.to_owned())
            } else {
                before(text)
            };
            begin.map(|begin| all_of(&begin))
        }
    }
}

/// Whether whatever passes by `this` would pass by `that`. False where that is not plain to see.
pub(super) fn asks_for_as_much(this: &Action, that: &Action) -> bool {
    match (this, that) {
        (Action::Deny(_), _) | (_, Action::Public(_)) => true,
        (_, Action::Deny(_)) | (Action::Public(_), Action::Requires(_)) => false,
        (Action::Requires(this), Action::Requires(that)) => this.asks_at_least(that),
    }
}
