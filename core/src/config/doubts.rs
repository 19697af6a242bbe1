//! What is allowed but is hardly what was meant: rules that no sign-in could ever meet, a login
//! page that nobody can reach without having signed in. A warning and no refusal: the rule is
//! closed, not open, and a preset may gain a line.

use core::time::Duration;

use super::{
    Action, Alternative, HostMatch, InvalidConfig, Login, Matcher, Mode, Origin, PathMatch,
    PathPolicy, Provider, ProviderId, Rule, TokenSource, escape, header_name::IDENTITY, literal,
    neighbours, path,
};
use crate::{
    decode::{At, Problems, shown},
    evidence::{Facts, Kind, can_meet, gesture_proves},
    limits::COMPARED_ALTERNATIVES,
    webauthn::Gesture,
};

/// Rules that no token of their providers could meet.
pub(super) fn doubts(
    providers: &[Provider],
    origins: &[Origin],
    rules: &[Rule],
    mode: Mode,
) -> Vec<InvalidConfig> {
    let mut doubts = Problems::default();
    let root = At::Root;
    of_mode(mode, root.member("mode"), &mut doubts);
    let at = root.member("providers");
    for provider in providers {
        literal::of_provider(provider, at.member(&provider.name), &mut doubts);
        if let Some(login) = &provider.login {
            let at = at.member(&provider.name);
            of_login(login, origins, rules, at.member("login"), &mut doubts);
        }
    }
    let at = root.member("rules");
    neighbours::neighbours(rules, at, &mut doubts);
    for (index, rule) in rules.iter().enumerate() {
        let of_rule = at.element(index);
        of_mode(
            rule.mode.unwrap_or_default(),
            of_rule.member("mode"),
            &mut doubts,
        );
        if rule.matcher.ignore_case && rule.matcher.path.is_beyond_ascii() {
            let at = of_rule.member("match");
            let seen = ["compares letters of ASCII alone without case, and this path has others"];
            let wanted = ["write a rule for each case of these if the service ignores it, too"];
            doubts.add(at.member("ignore_case"), &seen, &wanted);
        }
        let later = rules.iter().enumerate().skip(index.saturating_add(1));
        if let Some(weaker) = escape::by_another_host(rule, later) {
            let at = of_rule.member("match");
            let seen = [
                "a client that names another host gets to rules[",
                &weaker.to_string(),
                "] with the same paths, which does not ask for the same",
            ];
            let wanted = ["name hosts there too, or none here"];
            doubts.add(at.member("hosts"), &seen, &wanted);
        }
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let at = at.element(index);
        let at = at.member("requires");
        if let [only] = &*requirement.alternatives {
            of_alternative(only, providers, at, &mut doubts);
            continue;
        }
        let at = at.member("requires_any");
        let at = at.member("requirements");
        let all = &requirement.alternatives;
        for (index, alternative) in all.iter().enumerate() {
            of_alternative(alternative, providers, at.element(index), &mut doubts);
            if all.len() > COMPARED_ALTERNATIVES {
                continue;
            }
            let mut others = all.iter().enumerate();
            let moot = others.position(|(place, other)| {
                // Of two that are met the first one says how a proof is judged.
                let terms = |it: &Alternative| (it.proof, it.single_use);
                (index < place || terms(other) == terms(alternative))
                    && other.asks_at_least(alternative)
                    && !alternative.asks_at_least(other)
            });
            if let Some(moot) = moot {
                let seen = [
                    "whatever meets requirements[",
                    &moot.to_string(),
                    "] meets this one, which asks for less",
                ];
                let wanted = ["write here what it should ask for, or remove the other one"];
                doubts.add(at.element(index), &seen, &wanted);
            }
        }
    }
    doubts.into_list()
}

/// The warnings, and more that are for people at a command line alone. What is meant can be told
/// from a document without errors only.
#[cfg(feature = "explain")]
pub(super) fn with_more(
    mut warnings: Vec<InvalidConfig>,
    problems: &Problems,
    look: impl FnOnce(&mut Problems),
) -> Vec<InvalidConfig> {
    let mut doubts = Problems::default();
    if problems.is_empty() {
        look(&mut doubts);
    }
    warnings.extend(doubts.into_list());
    warnings
}

/// The one thing that lets a bad token pass is said aloud.
fn of_mode(mode: Mode, at: At<'_>, doubts: &mut Problems) {
    if let Mode::Shadow { until } = mode {
        let day = until.to_string();
        let day = day.split('T').next().unwrap_or_default();
        let seen = [
            "shadow: these requests pass unchanged, with a bad token and with none, until the end of ",
            day,
            " (UTC)",
        ];
        let wanted = ["then they are judged"];
        doubts.add(at, &seen, &wanted);
    }
}

/// A page on an origin of ours whose path no exemption is about.
fn of_login(login: &Login, origins: &[Origin], rules: &[Rule], at: At<'_>, doubts: &mut Problems) {
    let ours = origins.iter().find_map(|origin| {
        let page = login.page.strip_prefix(&origin.text)?;
        (page.is_empty() || page.starts_with('/')).then_some((origin, page))
    });
    let Some((origin, page)) = ours else { return };
    let page = if page.is_empty() { "/" } else { page };
    let normal = path::normalise(page, PathPolicy::default()).unwrap_or_else(|_| page.to_owned());
    let visit = Matcher {
        path: PathMatch::Exact(normal),
        ignore_case: false,
        hosts: vec![HostMatch::Exact(origin.host.clone())],
        methods: vec!["GET".to_owned()],
        all_methods: false,
        mcp: None,
    };
    let decides = rules.iter().find(|rule| rule.matcher.covers(&visit));
    if !decides.is_some_and(|rule| matches!(rule.action, Action::Public(_))) {
        let seen = ["the page is behind this gate, and who is sent there is not signed in"];
        let wanted = ["write a public rule for ", &shown::text(page)];
        doubts.add(at, &seen, &wanted);
    }
}

fn is_identity(source: &TokenSource) -> bool {
    matches!(source, TokenSource::Header { name, .. } if name == IDENTITY)
}

fn of_alternative(
    alternative: &Alternative,
    providers: &[Provider],
    at: At<'_>,
    doubts: &mut Problems,
) {
    literal::of_alternative(alternative, at, doubts);
    if alternative.without_token {
        return;
    }
    let reads_identity = |(index, provider): (usize, &Provider)| {
        let mut sources = provider.sources.iter();
        alternative.accepts(ProviderId(index)) && sources.any(is_identity)
    };
    if alternative.peers.is_empty() && providers.iter().enumerate().any(reads_identity) {
        let seen = [
            IDENTITY,
            " is another gate's, and whoever has seen a token in it could send it",
        ];
        let wanted = ["write peer: { spiffe: [the workload of that gate] }"];
        doubts.add(at.member("peer"), &seen, &wanted);
    }
    let open = || {
        let numbered = providers.iter().enumerate();
        let open = numbered.filter(|(index, _)| alternative.accepts(ProviderId(*index)));
        open.map(|(_, provider)| provider)
    };
    let names: Vec<&str> = open().map(|provider| &*provider.name).collect();
    let names = names.join(", ");
    let demand = alternative.demand();
    let by_approval = alternative.approval().is_some_and(|terms| {
        let gesture = Gesture {
            is_verified: terms.is_verified,
            is_device_bound: terms.is_device_bound,
        };
        gesture_proves(gesture, Duration::ZERO).meets(&demand)
    });
    if !by_approval && !open().any(|provider| can_meet(&provider.evidence, &demand)) {
        let lines = open().flat_map(|provider| &provider.evidence.lines);
        let proved = lines.fold(Facts::NONE, |facts, line| facts.and(line.proves));
        let missing = alternative.facts.without(proved).words().join(", ");
        let why: [&str; 4] = if !missing.is_empty() {
            ["no evidence of ", &names, " proves ", &missing]
        } else if alternative.max_age.is_some() {
            [
                "no evidence of ",
                &names,
                " proves all of them",
                " with a date",
            ]
        } else {
            [
                "no evidence of ",
                &names,
                " proves all of them",
                " together",
            ]
        };
        doubts.add(
            at.member("facts"),
            &[&why.concat(), ", so no sign-in will ever do"],
            &["write a line that does, under evidence"],
        );
    }
    let is_told = |provider: &Provider| match alternative.kind {
        Some(Kind::Human) => provider.kinds.human.is_some(),
        Some(Kind::Workload) => provider.kinds.workload.is_some(),
        Some(Kind::Agent | Kind::Unknown) | None => true,
    };
    if !open().any(is_told) {
        let kind = alternative.kind.map_or("", Kind::as_str);
        let seen = [
            "no kinds of ",
            &names,
            " tell ",
            kind,
            ", so no token will ever do",
        ];
        let wanted = ["write kinds: { ", kind, ": { … } } in the provider"];
        doubts.add(at.member("kind"), &seen, &wanted);
    }
}
