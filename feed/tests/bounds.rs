//! What clients cannot do to the program by their number, their pace or their size.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod running;

use std::{collections::HashSet, fs, net::TcpStream, sync::Barrier, thread};

use passgate_harness::{Issuer, Request, eventually};
use passgate_kit::{SigningKey, now, tampered};
use serde_json::{Value, json};

use running::{Feed, configuration, logout, logout_token, new_folder, spawn};

fn entries(list: &Value) -> Vec<Value> {
    list["entries"].as_array().unwrap().clone()
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let request = Request::get("/acme/revocations").header("x-long", "x".repeat(20_000));
    assert_eq!(feed.send(&request).status, 431);
}

#[test]
fn idle_connections_shut_nobody_out() {
    let issuer = Issuer::start();
    let words = configuration(issuer.address());
    // The first may raise its limit, as a shell's usual one can be. The second may not: connections
    // wait, and operators, keys and the store have files of their own.
    for limit in ["ulimit -S -n 200", "ulimit -n 400"] {
        let script = format!("{limit}; exec \"$@\"");
        let feed = Feed::in_folder(new_folder(), &words, &["sh", "-c", &script, "sh"]);
        let idle: Vec<TcpStream> = (0..300)
            .map(|_| TcpStream::connect(feed.address).unwrap())
            .collect();
        assert_eq!(feed.ask_admin(&Request::get("/readyz")).status, 200);
        let entry = json!([{ "sub": "bob" }]);
        assert_eq!(feed.entries("POST", &entry).status, 200, "{limit}");
        // They lose their places soon.
        let token = logout_token(&issuer.key, "s1").build();
        assert_eq!(feed.logout(&token).status, 200, "{limit}");
        assert_eq!(entries(&feed.list("")).len(), 2, "{limit}");
        drop(idle);
        assert!(!feed.log().contains("a connection is not taken"), "{limit}");
    }
    let folder = new_folder();
    let before = ["sh", "-c", "ulimit -n 300; exec \"$@\"", "sh"];
    let mut child = spawn(&folder, &words, &before);
    let status = eventually("its end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(log.contains("allow at least 320"), "{log}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let issuer = Issuer::start();
    let feed = Feed::with_unread_log(&configuration(issuer.address()));
    // A pipe holds 64 KiB, and a thousand lines wait.
    for n in 0..2_000 {
        let token = logout_token(&issuer.key, &format!("s{n}")).without("sub");
        assert_eq!(feed.logout(&token.build()).status, 200, "{n}");
    }
    assert_eq!(entries(&feed.list("")).len(), 2_000);
    assert!(feed.metric("passgate_feed_dropped_lines_total") > 0);
}

#[test]
fn a_burst_of_forged_tokens_puts_off_no_logout() {
    let issuer = Issuer::start();
    let mut words = configuration(issuer.address());
    words["providers"]["other"] = words["providers"]["acme"].clone();
    let feed = Feed::with(&words);
    // The keys are known.
    let token = |sid: &str| logout_token(&issuer.key, sid).build();
    let to = |provider: &str, token: &str| {
        let mut request = logout(token);
        request.path = format!("/{provider}/backchannel-logout").into_bytes();
        feed.send(&request).status
    };
    assert_eq!(
        [to("acme", &token("s")), to("other", &token("s"))],
        [200; 2]
    );
    let forged = logout_token(&SigningKey::es256("k1"), "s0").build();
    let all = Barrier::new(302);
    thread::scope(|scope| {
        let start = |provider: &'static str, token: String| {
            let (all, to) = (&all, &to);
            scope.spawn(move || {
                all.wait();
                to(provider, &token)
            })
        };
        let forged: Vec<_> = (0..300).map(|_| start("acme", forged.clone())).collect();
        let real = [start("acme", token("s1")), start("other", token("s1"))];
        assert_eq!(real.map(|real| real.join().unwrap()), [200; 2]);
        for forged in forged {
            assert_eq!(forged.join().unwrap(), 400, "judged");
        }
    });
}

#[test]
fn a_flood_of_tokens_is_counted_and_does_not_fill_the_log() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let known = logout_token(&issuer.key, "s1").build();
    for _ in 0..=300 {
        assert_eq!(feed.logout(&known).status, 200);
    }
    for _ in 0..300 {
        assert_eq!(feed.logout("x").status, 400);
    }
    let name = "passgate_feed_events_total{provider=\"acme\",kind=\"unread\",outcome=\"refused\"}";
    assert_eq!(feed.metric(name), 300);
    let (folder, _) = feed.stop();
    let log = fs::read_to_string(folder.join("log")).unwrap();
    let lines = log.matches("an event").count();
    // As many seconds as it took, ten lines each.
    let seconds = log.lines().filter_map(second).collect::<HashSet<_>>().len();
    assert!(lines <= 10 * (seconds + 1) + 1, "{lines} in {seconds} s");
    fs::remove_dir_all(&folder).unwrap();
}

fn second(line: &str) -> Option<u64> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(line.get("time_unix_ms")?.as_u64()? / 1_000)
}

#[test]
fn a_logout_that_comes_a_few_minutes_late_counts_and_a_later_one_is_told_apart() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let late = |sid: &str, seconds: i64| {
        let token = logout_token(&issuer.key, sid).claim("iat", now() - seconds - 120);
        token.expires_in(-seconds).build()
    };
    // By a clock of ours that is ahead, or after a wait at the provider.
    let token = late("s1", 280);
    assert_eq!(feed.logout(&token).status, 200);
    let list = feed.list("");
    assert_eq!(
        entries(&list),
        [json!({ "sid": "s1", "reason": "logged out" })]
    );
    // It is remembered for as long as it counts.
    assert_eq!(feed.logout(&token).status, 200);
    assert_eq!(feed.list("")["sequence"], list["sequence"]);
    let count = |outcome: &str| {
        let kind = if outcome == "late" {
            "unread"
        } else {
            "logout"
        };
        feed.metric(&format!(
            "passgate_feed_events_total{{provider=\"acme\",kind=\"{kind}\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((count("taken"), count("known")), (1, 1));
    // What is over for longer is refused for good, as the standard says, and an alert tells of it.
    let answer = feed.logout(&late("s2", 310));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(count("late"), 1);
    assert_eq!(feed.list("")["sequence"], list["sequence"]);
    // Only of a token that is rightly signed is anything said about clocks.
    assert_eq!(feed.logout(&tampered(&late("s3", 310))).status, 400);
    assert_eq!(count("late"), 1);
}
