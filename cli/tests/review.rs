//! `passgate review`: records of access logs and logs, for an access review.
#![allow(clippy::expect_used, reason = "tests")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

const POLICY: &str = r#"
providers:
  acme:
    issuer: https://acme.example.com
    audiences: [https://api.example.com]
    remote_jwks: { http_uri: { uri: https://acme.example.com/certs, cluster: acme } }
roles:
  - { role: payer, when: { claim: { path: [groups], contains: finance } } }
  - { role: auditor, when: { claim: { path: [groups], contains: audit } } }
products:
  - { product: gold, when: { claim: { path: [client_id], equals: partner-7 } } }
  - { product: silver, when: { claim: { path: [client_id], equals: partner-8 } } }
rules:
  - { name: payments, match: { path: /pay }, requires: { roles: [payer] } }
  - name: staff
    match: { path: /staff }
    requires: { claims: [{ claim_name: groups, any_of: [finance, board] }, { claim_name: groups, none_of: [suspended] }] }
  - { name: frozen, match: { path: /old }, deny: { reason: r, owner: o } }
  - { match: { prefix: / }, requires: {} }
"#;

/// A record as the filter writes it, with these members.
fn record(members: &str) -> String {
    format!(r#"{{"version":3,"software":"passgate/0.1.0",{members},"plugin":"gate"}}"#)
}

/// An entry of an access log.
fn entry(record: &str) -> String {
    let text = record.replace('\\', r"\\").replace('"', r#"\""#);
    format!(r#"{{"status":200,"audit":"{text}"}}"#)
}

fn records() -> String {
    let alice = r#""provider":"acme","subject":"alice","kind":"human","facts":["phishing_resistant","user_verified"],"roles":["payer"]"#;
    let pay = |time: &str, id: &str| {
        record(&format!(
            r#""time":"2026-11-29T10:00:0{time}.000Z","decision":"allow","reason":"permitted.token","rule":7,"rule_name":"payments",{alice},"request_id":"{id}","policy":"000000000000""#
        ))
    };
    let (one, two) = (pay("2", "r2"), pay("1", "r1"));
    let formula = record(
        r#""time":"2026-11-29T10:00:03.000Z","decision":"deny","reason":"insufficient.authentication","rule":3,"provider":"acme","subject":"=cmd|\"x\",\n1","kind":"unknown","request_id":"r3","policy":"000000000000""#,
    );
    let peer = record(
        r#""time":"2026-11-29T10:00:04.000Z","decision":"allow","reason":"permitted.peer","rule":3,"peer":"spiffe://mesh/ns/batch/sa/report","kind":"workload","product":"gold","request_id":"r4","policy":"000000000000""#,
    );
    let nobody = record(
        r#""time":"2026-11-29T10:00:05.000Z","decision":"deny","reason":"missing.token","rule":0,"rule_name":"payments","request_id":"r5","policy":"000000000000""#,
    );
    [
        entry(&one),
        entry(&two),
        // The same verdict in the log.
        format!("[2026-11-29][1][info][wasm] wasm log gate: passgate {one}"),
        formula,
        entry(&peer),
        entry(&nobody),
        "passgate accepted: 1 provider, 4 rules, policy 000000000000".to_owned(),
        r#"{"status":200,"audit":"-"}"#.to_owned(),
        r#"{"status":200}"#.to_owned(),
        String::new(),
    ]
    .join("\n")
}

/// The program's word on these files, `(option, text)`; those without an option are records.
fn review(files: &[(&str, &str)], more: &[&str]) -> Output {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = format!("passgate-review-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    command.arg("review").args(more);
    for (index, (option, text)) in files.iter().enumerate() {
        let file: PathBuf = folder.join(format!("{index}.yaml"));
        fs::write(&file, text).expect("the file is written");
        if !option.is_empty() {
            command.arg(option);
        }
        command.arg(file);
    }
    let output = command.output().expect("it runs");
    fs::remove_dir_all(&folder).expect("the folder goes");
    output
}

fn printed(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn it_says_who_used_which_assurance_where() {
    let told = printed(review(&[("", &records())], &[]));
    assert_eq!(
        told,
        "who,provider,actor,kind,rule,decision,facts,proof,roles,product,requests,first,last\n\
         \"'=cmd|\"\"x\"\", 1\",acme,,unknown,rules[3],deny,,,,,1,2026-11-29T10:00:03.000Z,2026-11-29T10:00:03.000Z\n\
         alice,acme,,human,payments,allow,phishing_resistant user_verified,,payer,,2,2026-11-29T10:00:01.000Z,2026-11-29T10:00:02.000Z\n\
         spiffe://mesh/ns/batch/sa/report,,,workload,rules[3],allow,,,,gold,1,2026-11-29T10:00:04.000Z,2026-11-29T10:00:04.000Z\n"
    );
}

#[test]
fn no_cell_becomes_a_formula_where_semicolons_separate_cells() {
    let subject = |subject: &str| {
        record(&format!(
            r#""time":"2026-11-29T10:00:03.000Z","decision":"allow","reason":"permitted.token","rule":3,"subject":"{subject}""#
        ))
    };
    let told = |text: &str| {
        let told = printed(review(&[("", &subject(text))], &[]));
        let row = told.lines().nth(1).expect("a row").to_owned();
        row.split(",,").next().expect("who").to_owned()
    };
    assert_eq!(told("x;=1+1;\\\"@y"), "\"x;'=1+1;\"\"'@y\"");
    assert_eq!(told(" =1"), " '=1");
    assert_eq!(told("\u{ff1d}1"), "'\u{ff1d}1");
    assert_eq!(told("a-b=c"), "a-b=c");
}

#[test]
fn it_says_what_a_policy_names_and_nobody_has_and_the_other_way_round() {
    let told = printed(review(&[("--policy", POLICY), ("", &records())], &[]));
    let expected = "5 records\n\
         2 of them are of other policies, by rules without names: these rules were not counted\n\
         role auditor: no rule wants it\n\
         role auditor: nobody had it\n\
         product silver: nobody had it\n\
         rules[1] (staff): nobody passed\n\
         rules[3]: nobody passed\n";
    assert_eq!(told, expected);
    let groups = "finance,12\nboard, 0\nsales\u{1b}\n\nsuspended,1\n";
    let files = [("--policy", POLICY), ("--groups", groups), ("", &records())];
    let told = printed(review(&files, &[]));
    let rest = told.strip_prefix(expected).expect("the same as before");
    let lines: Vec<&str> = rest.lines().collect();
    assert_eq!(lines[0], "group sales\\u{1b}: the policy does not name it");
    assert!(lines[1].starts_with("role auditor: names the group audit, which is not in "));
    assert_eq!(
        lines[2],
        "rules[1] (staff): names the group board, which is empty"
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    let of_clients = review(&files, &["--claim", "client_id"]);
    assert!(
        printed(of_clients).contains("product gold: names the group partner-7, which is not in")
    );
}

#[test]
fn what_cannot_be_read_is_told_of() {
    for (files, more, told) in [
        (vec![("", "GET / 200\n")], vec![], "no record in it"),
        (
            vec![("", r#"{"version":4,"software":"s","decision":"allow"}"#)],
            vec![],
            "version 4; this program reads 3",
        ),
        (vec![("--policy", "rules: 7"), ("", "")], vec![], "refused"),
        (vec![("--groups", "a"), ("", "")], vec![], "usage:"),
        (
            vec![("--policy", POLICY), ("", "")],
            vec!["--claim", "a"],
            "usage:",
        ),
        (vec![], vec![], "usage:"),
        (vec![], vec!["/not/there"], "/not/there"),
    ] {
        let output = review(&files, &more);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(error.contains(told), "{error}");
    }
}

/// Where Envoy keeps ids of clients, one may give two requests the same id at the same time.
#[test]
fn two_requests_with_one_id_are_two() {
    let request = |rule: u8| {
        entry(&record(&format!(
            r#""time":"2026-11-29T10:00:01.000Z","decision":"allow","reason":"permitted.token","rule":{rule},"provider":"acme","subject":"alice","request_id":"chosen""#
        )))
    };
    let told = printed(review(&[("", &[request(3), request(0)].join("\n"))], &[]));
    assert!(
        told.contains("rules[3]") && told.contains("rules[0]"),
        "{told}"
    );
}

/// Envoy writes headers into an access log in text as they came.
#[test]
fn what_a_client_writes_into_an_access_log_is_not_a_record() {
    let forged = record(
        r#""time":"2026-11-29T10:00:01.000Z","decision":"allow","reason":"permitted.token","rule":0,"provider":"acme","subject":"ceo","request_id":"r9""#,
    );
    let line = format!(
        r#"[2026-11-29T10:00:01.000Z] "GET /pay HTTP/1.1" 401 - 0 111 0 - "-" "wasm log: passgate {forged}" "r9" "-" "-""#
    );
    let told = printed(review(&[("", &[&line, &*records()].join("\n"))], &[]));
    assert_eq!(told, printed(review(&[("", &records())], &[])));
    // Nor does it keep the others from being read.
    let newer = line.replace("\"version\":3", "\"version\":9");
    let told = printed(review(&[("", &[&newer, &*records()].join("\n"))], &[]));
    assert!(told.contains("alice") && !told.contains("ceo"), "{told}");
}
