//! TLS at the addresses of the feed, and readers that show a certificate.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{fs, path::Path};

use passgate_harness::{Authority, Issuer, Request, TlsClient, eventually};
use serde_json::{Value, json};

use running::{Feed, READER, configuration, logout, logout_token, new_folder, try_send};

const NAME: &str = "feed.example.com";

fn write(folder: &Path, authority: &Authority) {
    let (certificate, key) = authority.server_pem(NAME);
    put(folder, "tls.crt", &certificate);
    put(folder, "tls.key", &key);
}

/// Whoever reads the file meanwhile has all of it, or all of the one before.
fn put(folder: &Path, name: &str, text: &str) {
    let new = folder.join("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

/// With TLS for gates and providers, and these readers.
fn start(issuer: &Issuer, authority: &Authority, readers: Value) -> Feed {
    let folder = new_folder();
    write(&folder, authority);
    fs::write(folder.join("gates.pem"), authority.pem()).unwrap();
    let mut words = configuration(issuer.address());
    words["tls"] = json!({ "certificate": "tls.crt", "private_key": "tls.key" });
    words["readers"] = readers;
    Feed::in_folder(folder, &words, &[])
}

fn list(feed: &Feed, client: &TlsClient) -> u16 {
    let request = Request::get("/acme/revocations").header("connection", "close");
    client.send(feed.address, NAME, &request).0.status
}

#[test]
fn a_certificate_of_a_reader_reads_and_no_other_does() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let gate = "spiffe://example.com/ns/shop/sa/gate";
    let certificate = json!({ "trusted_ca": "gates.pem", "names": [gate, "client.example.com"] });
    let feed = start(&issuer, &authority, json!({ "certificate": certificate }));
    for reader in [authority.client().0, authority.workload(&[gate])] {
        assert_eq!(list(&feed, &reader), 200);
    }
    let others = [
        "spiffe://example.com/ns/shop/sa/gate2",
        "spiffe://example.com/ns/shop/sa",
    ];
    for other in [authority.workload(&others), authority.stranger()] {
        assert_eq!(list(&feed, &other), 403);
    }
    // A bearer is not what is asked for.
    let request = Request::get("/acme/revocations").header("connection", "close");
    let stranger = authority.stranger();
    let (answer, _) = stranger.send(feed.address, NAME, &request.bearer(READER));
    assert_eq!(answer.status, 403);
    // A provider has no certificate.
    let token = logout_token(&issuer.key, "s1").build();
    let request = logout(&token).header("connection", "close");
    let (answer, _) = stranger.send(feed.address, NAME, &request);
    assert_eq!(answer.status, 200, "{answer:?}");
    // Nothing is said without TLS.
    assert!(try_send(feed.address, &Request::get("/acme/revocations")).is_err());
    let failed = "passgate_feed_failed_handshakes_total{side=\"public\"}";
    assert_eq!(feed.metric(failed), 1);
}

#[test]
fn a_certificate_is_looked_at_on_each_connection() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let certificate = json!({ "trusted_ca": "gates.pem" });
    let feed = start(&issuer, &authority, json!({ "certificate": certificate }));
    // A session that is resumed has the certificate of its first connection, which may be over.
    let (reader, _) = authority.client();
    for _ in 0..3 {
        let request = Request::get("/acme/revocations").header("connection", "close");
        let (answer, is_resumed) = reader.send(feed.address, NAME, &request);
        assert_eq!((answer.status, is_resumed), (200, false));
    }
}

#[test]
fn each_certificate_of_the_authority_reads_where_no_names_are_written() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let certificate = json!({ "trusted_ca": "gates.pem" });
    let feed = start(&issuer, &authority, json!({ "certificate": certificate }));
    assert_eq!(
        list(&feed, &authority.workload(&["spiffe://example.com/any"])),
        200
    );
    assert_eq!(list(&feed, &authority.stranger()), 403);
}

#[test]
fn files_that_change_are_read_again_and_those_that_cannot_be_used_change_nothing() {
    let (issuer, first) = (Issuer::start(), Authority::generate());
    let feed = start(&issuer, &first, json!("anybody"));
    let reloads = |outcome: &str| {
        let name = "passgate_feed_certificate_reloads_total";
        feed.metric(&format!("{name}{{outcome=\"{outcome}\"}}"))
    };
    let client = first.stranger();
    assert_eq!(list(&feed, &client), 200);
    // The key of another certificate.
    let second = Authority::generate();
    let (certificate, key) = second.server_pem(NAME);
    put(&feed.folder, "tls.crt", &certificate);
    eventually("a look", || (reloads("failed") == 1).then_some(()));
    assert_eq!(list(&feed, &client), 200);
    put(&feed.folder, "tls.key", &key);
    eventually("the new certificate", || (reloads("ok") == 1).then_some(()));
    assert_eq!(list(&feed, &second.stranger()), 200);
    assert_eq!(reloads("failed"), 1, "told once");
}

#[test]
fn operators_have_a_certificate_of_their_own() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let folder = new_folder();
    write(&folder, &authority);
    let mut words = configuration(issuer.address());
    words["admin"]["tls"] = json!({ "certificate": "tls.crt", "private_key": "tls.key" });
    let feed = Feed::in_folder(folder, &words, &[]);
    let ready = Request::get("/readyz").header("connection", "close");
    let (answer, _) = authority.stranger().send(feed.admin, NAME, &ready);
    assert_eq!(answer.status, 200);
    // The other address speaks as before.
    assert_eq!(feed.list("")["entries"], json!([]));
}
