//! What is printed.

use super::case::{Case, Line, Wanted};
use super::filter::{Bare, Filter, Guard, Identity, Passgate, Proof};
use super::measure::Costs;
use super::sample::Sample;

pub const COMPARED: &str = "\
| case | host crypto | caches | passgate | compared with | ratio | wanted |
|---|---|---|---|---|---|---|";

pub const WHOLE: &str = "\
| | passgate | `jwt_authn` | wanted |
|---|---|---|---|";

/// Prints a line that compares passgate with something.
pub fn compare(line: &Line, costs: &Costs) {
    let (ours, other) = (costs.of(line.ours), costs.of(line.other));
    let (ratio, wanted) = match line.wanted {
        Wanted::OtherAtLeast(least) => {
            let ratio = other.with(ours, |other, ours| other / ours);
            let verdict = verdict(ratio.median() >= least);
            (
                format!("1 / {ratio:.2}"),
                format!("at most 1 / {least}: {verdict}"),
            )
        }
        Wanted::AtMost(most) => {
            let ratio = ours.with(other, |ours, other| ours / other);
            let wanted = format!("at most {most}: {}", verdict(ratio.median() <= most));
            (format!("{ratio:.2}"), wanted)
        }
        Wanted::MoreAtMost(most) => {
            let more = ours.with(other, |ours, other| ours - other);
            let wanted = format!("at most {most} µs more: {}", verdict(more.median() <= most));
            (format!("{more:.1} µs more"), wanted)
        }
        Wanted::Nothing => {
            let ratio = ours.with(other, |ours, other| ours / other);
            (format!("{ratio:.2}"), String::new())
        }
    };
    println!(
        "| {} | {} | {} | {ours} | {} {other} | {ratio} | {wanted} |",
        line.name,
        host_crypto(line.ours),
        caches(line.other),
        name(line.other),
    );
}

/// Whether a number is what was wanted.
pub const fn verdict(met: bool) -> &'static str {
    if met { "yes" } else { "**no**" }
}

fn host_crypto(guard: Guard) -> &'static str {
    match guard.filter {
        Filter::Passgate(Passgate {
            host_crypto: true, ..
        }) => "yes",
        Filter::Passgate(_) | Filter::Nothing | Filter::Bare(_) | Filter::JwtAuthn { .. } => "no",
    }
}

/// Passgate's memory is always on.
fn caches(other: Guard) -> &'static str {
    match other.filter {
        Filter::Bare(_) | Filter::JwtAuthn { cache: false } => "passgate's",
        Filter::Nothing | Filter::JwtAuthn { cache: true } | Filter::Passgate(_) => "both",
    }
}

fn name(guard: Guard) -> &'static str {
    match guard.filter {
        Filter::Nothing => "nothing",
        Filter::Bare(Bare::Empty | Bare::Answers) => "an empty Wasm filter",
        Filter::Bare(Bare::Calls | Bare::Refusal | Bare::Memory) => "the bare calls of the host",
        Filter::JwtAuthn { .. } => "`jwt_authn`",
        Filter::Passgate(_) => "passgate",
    }
}

pub const AGAINST: &str = "\
| | settings | new | old | new / old | new - old |
|---|---|---|---|---|---|";

/// Prints a line about a new module and an old one: the ratios and differences of each round, by
/// their medians.
pub fn against(name: &str, settings: &str, [new, old]: [&Sample; 2]) {
    let ratio = new.with(old, |new, old| new / old);
    let more = new.with(old, |new, old| new - old);
    println!("| {name} | {settings} | {new} | {old} | {ratio:.3} | {more:.2} |");
}

/// What is set otherwise than it comes.
pub fn settings(guard: Guard) -> String {
    let Filter::Passgate(settings) = guard.filter else {
        return String::new();
    };
    let comes = Passgate::COMES;
    let mut words = Vec::new();
    if settings.host_crypto != comes.host_crypto {
        words.push("host_crypto: false".to_owned());
    }
    match settings.proof {
        Proof::None => {}
        Proof::Dpop => words.push("proof: dpop".to_owned()),
        Proof::Approval => words.push("proof: webauthn".to_owned()),
        Proof::Session => words.push("proof: webauthn, session".to_owned()),
    }
    for (is_set, word) in [
        (settings.single_use, "single_use"),
        (settings.opaque, "introspection"),
        (settings.peer, "peer"),
    ] {
        if is_set {
            words.push(word.to_owned());
        }
    }
    match settings.identity {
        Identity::None => {}
        Identity::Token => words.push("identity_token".to_owned()),
        Identity::Transaction => words.push("identity_token, transaction".to_owned()),
    }
    if settings.log != comes.log {
        words.push(format!("log: {}", settings.log));
    }
    if settings.access_log != comes.access_log {
        words.push("access_log: false".to_owned());
    }
    if settings.counters != comes.counters {
        words.push("counters: false".to_owned());
    }
    if guard.size.rules > 1 {
        words.push(format!("{} rules", guard.size.rules));
    }
    if words.is_empty() {
        "as it comes".to_owned()
    } else {
        words.join(", ")
    }
}

/// Prints what the record and the counters add.
pub fn audit(case: &Case, costs: &Costs) {
    println!("| passgate, ES256, repeated | a request costs | less than as it comes |");
    println!("|---|---|---|");
    let Some(comes) = case.lines.first().map(|line| costs.of(line.other)) else {
        return;
    };
    println!("| as it comes | {comes} | |");
    for line in case.lines {
        let Filter::Passgate(settings) = line.ours.filter else {
            continue;
        };
        let off = [
            (settings.access_log, "access_log: false"),
            (settings.counters, "counters: false"),
        ];
        let off: Vec<&str> = off
            .into_iter()
            .filter_map(|(on, text)| (!on).then_some(text))
            .collect();
        let cost = costs.of(line.ours);
        let less = comes.with(cost, |comes, cost| comes - cost);
        println!("| `audit: {{ {} }}` | {cost} | {less} |", off.join(", "));
    }
}

/// Prints what passgate and `jwt_authn` need, of something else than requests.
pub fn whole(what: &str, [ours, other]: &[Sample; 2], unit: &str, most: Option<f64>) {
    let wanted = most.map_or_else(String::new, |most| {
        format!("at most {most} {unit}: {}", verdict(ours.median() <= most))
    });
    println!("| {what} | {ours} {unit} | {other} {unit} | {wanted} |");
}
