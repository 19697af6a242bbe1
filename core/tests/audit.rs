//! What is written about a verdict, where, how often, and under which name it is counted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "proofs/host.rs"]
mod host;
#[path = "reasons/specimen.rs"]
mod specimen;

use std::collections::BTreeSet;

use passgate_core::{
    AuditRecord, Auditor, Config, Counter, Counters, Permit, Reason, UnixTime, Written,
    limits::{REFUSAL_LINES, VERDICT_COUNTERS},
};
use serde_json::{Value, json};

use specimen::{ISSUER, NOW, Specimen, environment, good, specimen};

/// Other tests use these.
const _: fn(&Reason) -> Specimen = specimen::mutation;

fn now() -> UnixTime {
    UnixTime::from_secs(NOW.unsigned_abs())
}

fn with_audit(mut specimen: Specimen, audit: Value) -> (Specimen, Config) {
    specimen.config["audit"] = audit;
    let config = Config::parse_with(specimen.config.to_string().as_bytes(), &environment).unwrap();
    (specimen, config)
}

/// A subject that is hashed with the salt of this variable.
fn salted(variable: &str) -> Value {
    json!({ "hashed": { "salt": { "env": variable } } })
}

#[test]
fn a_salt_that_is_missing_empty_or_short_refuses_the_configuration() {
    let mut config = good().config;
    for (variable, told) in [
        ("NO_SALT", "NO_SALT is not set for this filter"),
        ("EMPTY_SALT", "EMPTY_SALT is not set for this filter"),
        ("SHORT_SALT", "SHORT_SALT can be guessed"),
    ] {
        config["audit"] = json!({ "subject": salted(variable) });
        let text = config.to_string();
        let problems = Config::parse_with(text.as_bytes(), &environment).unwrap_err();
        let problem = problems[0].to_string();
        assert!(problem.contains(told), "{problem}");
        assert!(!problem.contains("0123456789"), "{problem}");
    }
    // Without an environment none is set.
    config["audit"] = json!({ "subject": salted("SALT") });
    assert!(Config::parse(config.to_string().as_bytes()).is_err());
}

/// What is written about this specimen.
fn written(specimen: Specimen, audit: Value) -> Written {
    let (specimen, config) = with_audit(specimen, audit);
    let record = *specimen.judge().1;
    Auditor::new(config.audit(), "gate").write(record, Some(now()))
}

fn record(written: &Written) -> Value {
    serde_json::from_str(&written.record).unwrap()
}

fn missing() -> Specimen {
    Specimen {
        authorization: None,
        ..good()
    }
}

fn expired() -> Specimen {
    specimen(|token| {
        token
            .claim("exp", NOW - 3_600)
            .claim("iat", NOW - 7_200)
            .build()
    })
}

#[test]
fn the_record_of_a_permit_says_who_when_by_which_key_and_by_which_gate() {
    let written = written(good(), json!({}));
    assert!(written.to_access_log && !written.to_log);
    let record = record(&written);
    for (member, value) in [
        ("version", json!(3)),
        (
            "software",
            json!(format!("passgate/{}", passgate_core::VERSION)),
        ),
        ("time", json!("2023-11-14T22:13:20.000Z")),
        ("decision", json!("allow")),
        ("reason", json!("permitted.token")),
        ("rule", json!(1)),
        ("provider", json!("acme")),
        ("key_id", json!("key-1")),
        ("subject", json!("alice")),
        ("plugin", json!("gate")),
    ] {
        assert_eq!(record[member], value, "{member}");
    }
    assert_eq!(record.get("seen"), None);
}

#[test]
fn audit_log_says_which_verdicts_make_a_line() {
    let public = || Specimen {
        path: "/open",
        authorization: None,
        ..good()
    };
    let lines = |log: &str| {
        [public(), good(), expired(), missing()].map(|mut specimen| {
            let open = json!({ "match": { "path": "/open" }, "public": { "reason": "r", "owner": "o", "until": "never" } });
            specimen.config["rules"].as_array_mut().unwrap().push(open);
            written(specimen, json!({ "log": log })).to_log
        })
    };
    assert_eq!(lines("all"), [true, true, true, true]);
    assert_eq!(lines("verifications"), [false, true, true, true]);
    assert_eq!(lines("denials"), [false, false, true, true]);
    assert_eq!(lines("none"), [false; 4]);
    let refused = written(expired(), json!({}));
    assert!(refused.to_log && refused.to_access_log, "as it comes");
}

#[test]
fn nothing_is_serialised_where_nothing_is_written() {
    let nothing = written(good(), json!({ "log": "none", "access_log": false }));
    assert_eq!(nothing, Written::default());
    let quiet = written(missing(), json!({ "log": "none" }));
    assert!(quiet.to_access_log && !quiet.to_log && !quiet.record.is_empty());
}

#[test]
fn the_subject_is_shown_as_configured() {
    let subject = |form: Value| {
        let written = written(good(), json!({ "subject": form }));
        record(&written).get("subject").cloned()
    };
    assert_eq!(subject(json!("clear")), Some(json!("alice")));
    assert_eq!(subject(json!("omitted")), None);

    let salt = "0123456789abcdef";
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, salt.as_bytes());
    let hash = ring::hmac::sign(&key, format!("{ISSUER}\0alice").as_bytes());
    let expected = format!("hmac-sha256:{}", passgate_kit::base64url(hash));
    let hashed = salted("SALT");
    assert_eq!(subject(hashed), Some(json!(expected)));
    let other = salted("OTHER_SALT");
    assert_ne!(subject(other), Some(json!(expected)));
}

/// A name or an address may stand in any claim that a rule looks at.
#[test]
fn a_record_that_hides_its_subject_tells_no_value_of_a_claim() {
    let expected = |form: Value| {
        let other = specimen(|token| token.claim("groups", json!(["sales"])).build());
        let record = record(&written(other, json!({ "subject": form })));
        assert_eq!(record["reason"], "forbidden.claim");
        record["expected"].as_str().unwrap().to_owned()
    };
    assert!(expected(json!("clear")).contains("sales"));
    for form in [json!("omitted"), salted("SALT")] {
        let told = expected(form);
        assert!(!told.contains("sales"), "{told}");
        assert!(told.ends_with("it is another list"), "{told}");
    }
}

#[test]
fn long_subjects_are_cut_in_the_record_and_hashed_whole() {
    let long = |last: char| {
        let subject = format!("{}{last}", "s".repeat(200));
        specimen(|token| token.claim("sub", subject).build())
    };
    let shown = |specimen, audit| record(&written(specimen, audit))["subject"].clone();
    assert_eq!(shown(long('1'), json!({})), json!("s".repeat(128)));
    let hashed = json!({ "subject": salted("SALT") });
    assert_ne!(shown(long('1'), hashed.clone()), shown(long('2'), hashed));
}

#[test]
fn the_salt_is_in_no_text() {
    let salt = "0123456789abcdef";
    let (_, config) = with_audit(good(), json!({ "subject": salted("SALT") }));
    assert!(!format!("{config:?} {config}").contains(salt));
    assert!(!format!("{:?}", Auditor::new(config.audit(), "gate")).contains(salt));
}

#[test]
fn the_name_of_the_plugin_is_one_that_an_access_log_can_name() {
    let (_, config) = with_audit(good(), json!({}));
    for (plugin, property) in [
        ("passgate", "passgate.audit"),
        ("istio-system.gate~x", "istio-system.gate~x.audit"),
        ("a b:c)%", "a_b_c__.audit"),
        ("", "passgate.audit"),
    ] {
        assert_eq!(Auditor::new(config.audit(), plugin).property(), property);
    }
}

#[test]
fn lines_about_refusals_are_bounded_and_those_left_out_are_counted() {
    let (specimen, config) = with_audit(missing(), json!({ "log": "all" }));
    let refused = *specimen.judge().1;
    let (specimen, _) = with_audit(good(), json!({}));
    let permitted = *specimen.judge().1;
    let mut auditor = Auditor::new(config.audit(), "gate");
    let mut lines = |record: &AuditRecord, count: u32, at: UnixTime| {
        (0..count)
            .filter(|_| auditor.write(record.clone(), Some(at)).to_log)
            .count()
    };
    let most = usize::try_from(REFUSAL_LINES).unwrap();
    assert_eq!(lines(&refused, 10_000, now()), most);
    // Permits of known callers are written all the same, and the next second has log lines of its
    // own.
    assert_eq!(lines(&permitted, 1_000, now()), 1_000);
    let later = UnixTime::from_secs(NOW.unsigned_abs() + 1);
    assert_eq!(lines(&refused, 1, later), 1);

    assert_eq!(
        auditor.left_out(later),
        None,
        "not before the second is over"
    );
    let due = auditor.next_wakeup().unwrap();
    let left_out = auditor.left_out(due).unwrap();
    assert_eq!(left_out.0, u64::from(10_000 - REFUSAL_LINES));
    assert_eq!(left_out.to_string(), "audit: 9950 lines left out");
    assert_eq!((auditor.left_out(due), auditor.next_wakeup()), (None, None));
}

#[test]
fn a_clock_that_goes_back_does_not_silence_the_log() {
    let (specimen, config) = with_audit(missing(), json!({}));
    let refused = *specimen.judge().1;
    let mut auditor = Auditor::new(config.audit(), "gate");
    let earlier = UnixTime::from_secs(NOW.unsigned_abs() - 1_000);
    for at in [now(), earlier] {
        let written = auditor.write(refused.clone(), Some(at));
        assert!(written.to_log && written.is_warning);
    }
}

#[test]
fn the_first_refusal_for_a_reason_in_a_minute_is_a_warning() {
    let record = |specimen| *with_audit(specimen, json!({})).0.judge().1;
    let (missing, expired, permitted) = (record(missing()), record(expired()), record(good()));
    let (_, config) = with_audit(good(), json!({ "log": "all" }));
    let mut auditor = Auditor::new(config.audit(), "gate");
    let mut is_warning = |record: &AuditRecord, after: u64| {
        let at = UnixTime::from_secs(NOW.unsigned_abs() + after);
        auditor.write(record.clone(), Some(at)).is_warning
    };
    assert!(is_warning(&missing, 0));
    assert!(!is_warning(&missing, 0));
    // Each reason has its own, and a permit is never one.
    assert!(is_warning(&expired, 0));
    assert!(!is_warning(&permitted, 1));
    assert!(!is_warning(&missing, 59) && !is_warning(&expired, 59));
    assert!(is_warning(&missing, 60) && !is_warning(&missing, 61));
    assert!(is_warning(&expired, 3_600));

    // Without a time nobody knows when it was the last, and what is not written is not a warning.
    let mut auditor = Auditor::new(config.audit(), "gate");
    assert!(!auditor.write(missing.clone(), None).is_warning);
    let (_, config) = with_audit(good(), json!({ "log": "none" }));
    let mut auditor = Auditor::new(config.audit(), "gate");
    assert!(!auditor.write(missing, Some(now())).is_warning);
}

/// Whatever is in a request, its verdict is counted under a name that can be written down
/// beforehand.
#[test]
fn no_label_of_a_counter_can_grow_with_traffic() {
    let (_, config) = with_audit(good(), json!({}));
    let mut possible = BTreeSet::new();
    let codes: Vec<&str> = Permit::CODES.into_iter().chain(Reason::codes()).collect();
    for decision in ["allow", "deny"] {
        for rule in ["", ".rule.0", ".rule.1"] {
            for provider in ["", ".provider.acme"] {
                for code in &codes {
                    possible.insert(format!(
                        "passgate.verdicts.{decision}{rule}{provider}.{code}"
                    ));
                }
            }
        }
    }
    let mut names = BTreeSet::new();
    for index in 0..2_000_u32 {
        let odd = format!("odd{index}.é\n{{}}");
        let mut specimen = match index % 5 {
            0 => specimen(|token| token.claim("iss", odd.clone()).build()),
            1 => specimen(|token| token.claim("sub", odd.clone()).build()),
            2 => specimen(|token| token.header("kid", odd.clone()).build()),
            3 => specimen(|token| token.claim("aud", odd.clone()).build()),
            _ => specimen::authorization(&format!("Bearer {index}")),
        };
        if index % 7 == 0 {
            specimen.path = "/nowhere";
        }
        let record = specimen.judge().1;
        let counter = Counter::of(&record, config.audit().labels);
        names.insert(counter.name(&record, config.providers()));
    }
    assert!(names.len() > 3, "{names:?}");
    assert!(
        names.is_subset(&possible),
        "{:?}",
        names.difference(&possible)
    );
}

/// Names stand in the place of indexes, and labels are those of the policy.
#[test]
fn a_counter_names_rule_product_kind_and_strength() {
    let named = |amr: &str| {
        let mut specimen = specimen(|token| token.claim("amr", json!([amr])).build());
        specimen.config["rules"][1]["name"] = json!("payments");
        specimen.config["products"] =
            json!([{ "product": "gold", "when": { "provider_name": "acme" } }]);
        specimen
    };
    let labels = json!({ "labels": ["phishing_resistant", "kind"] });
    for (audit, amr, name) in [
        (
            json!({}),
            "hwk",
            "allow.rule.payments.provider.acme.product.gold.permitted.token",
        ),
        (
            labels.clone(),
            "hwk",
            "allow.rule.payments.provider.acme.product.gold.kind.human.phishing_resistant.true.permitted.token",
        ),
        (
            labels,
            "pwd",
            "deny.rule.payments.provider.acme.kind.human.phishing_resistant.false.insufficient.authentication",
        ),
    ] {
        let (specimen, config) = with_audit(named(amr), audit);
        let record = specimen.judge().1;
        let counter = Counter::of(&record, config.audit().labels);
        let told = counter.name(&record, config.providers());
        assert_eq!(told, format!("passgate.verdicts.{name}"));
    }
}

/// Only actors that rules name are told apart, so that no token makes a new counter.
#[test]
fn a_counter_names_the_actors_that_rules_name_and_no_others() {
    let name = |act: Value, audit: Value| {
        let mut specimen = specimen(|token| token.claim("act", act).build());
        specimen.path = "/pay/1";
        specimen.config["rules"] = json!([
            { "match": { "path": "/pay/*" }, "requires": { "provider_name": "acme" } },
            {
                "match": { "path": "/one" },
                "requires": { "provider_name": "acme", "actors": [format!("{ISSUER}/bot.7")] },
            },
            {
                "match": { "path": "/two" },
                "requires": { "requires_any": { "requirements": [
                    { "provider_name": "acme", "actors": [format!("{ISSUER}/bot.7")] },
                    { "provider_name": "acme", "actors": ["https://other.example.com/bot.7"] },
                ] } },
            },
        ]);
        let (specimen, config) = with_audit(specimen, audit);
        let record = specimen.judge().1;
        let counter = Counter::of(&record, config.audit().labels);
        let told = counter.name(&record, config.providers());
        let told = told.strip_prefix("passgate.verdicts.allow.rule.0.provider.acme");
        let told = told.and_then(|told| told.strip_suffix(".permitted.token"));
        told.expect("a permit by the first rule").to_owned()
    };
    let of = |act: Value| name(act, json!({ "labels": ["actor"], "subject": "omitted" }));
    let own = format!(
        ".actor.{}_bot_7",
        ISSUER.replace("://", "_").replace('.', "_")
    );
    assert_eq!(of(json!({ "sub": "bot.7" })), own);
    let other = json!({ "sub": "bot.7", "iss": "https://other.example.com" });
    assert_eq!(of(other), ".actor.https_other_example_com_bot_7");
    for unnamed in ["bot_7", "bot", "bot.77", "é\n.permitted.token"] {
        assert_eq!(of(json!({ "sub": unnamed })), ".actor.other");
    }
    assert_eq!(of(Value::Null), "");
    assert_eq!(name(json!({ "sub": "bot.7" }), json!({})), "");
}

#[test]
fn an_actor_is_shown_as_the_subject_is() {
    let acting = || {
        let mut specimen = specimen(|token| token.claim("act", json!({ "sub": "bot" })).build());
        specimen.path = "/pay/1";
        specimen.config["rules"][1]["requires"] = json!({ "provider_name": "acme" });
        specimen
    };
    let actor = |audit: Value| record(&written(acting(), audit))["actor"].clone();
    assert_eq!(actor(json!({})), format!("{ISSUER}/bot"));
    assert_eq!(actor(json!({ "subject": "omitted" })), Value::Null);
    let hashed = |variable| {
        let actor = actor(json!({ "subject": salted(variable) }));
        actor.as_str().unwrap().to_owned()
    };
    assert!(hashed("SALT").starts_with("hmac-sha256:"));
    assert_eq!(hashed("SALT"), hashed("SALT"));
    assert_ne!(hashed("SALT"), hashed("OTHER_SALT"));
}

#[test]
fn a_configuration_with_too_many_combinations_is_counted_without_labels() {
    let (specimen, config) = with_audit(good(), json!({}));
    let mut record = *specimen.judge().1;
    let mut counters = Counters::default();
    let mut defined = Vec::new();
    for rule in 0..VERDICT_COUNTERS + 500 {
        record.rule = Some(rule);
        let number = counters.number(
            &record,
            (config.providers(), config.audit().labels),
            |name| {
                defined.push(name.to_owned());
                u32::try_from(defined.len()).ok()
            },
        );
        assert!(number.is_some());
    }
    assert_eq!(defined.len(), VERDICT_COUNTERS + 1);
    assert_eq!(
        defined.last().unwrap(),
        "passgate.verdicts.allow.permitted.token"
    );
}
