//! What the parts of the core cost, natively and without a host's help with signatures:
//! `make bench-core`. One of them: `cargo bench --package passgate-bench -- never_seen`; what they
//! allocate, too: `--features allocations`.

mod gate;
mod proofs;

use divan::{Bencher, black_box};
use gate::{Gate, Remember};
use passgate_core::{
    Algorithm, AuditRecord, Auditor, Backend, Config, Json, JwkSet, Settlement, Step,
    limits::Limits,
};
use passgate_kit::{SigningKey, jwks};
use proofs::Kind;

#[cfg(feature = "allocations")]
#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// So many tokens are made beforehand where each is to be a new one.
const TOKENS: usize = 64;

/// A token whose signature was checked before.
#[divan::bench]
fn repeated(bencher: Bencher<'_, '_>) {
    again(bencher, 1, 1);
}

/// The same of an opaque token, about which the provider was asked before.
#[divan::bench]
fn opaque(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::asked();
    let token = gate.opaque();
    assert_eq!(gate.judge(Some(&token)), "permitted.token");
    bencher.bench_local(|| gate.judge(Some(&token)));
}

/// The same on a rule that asks for the workload of the connection, too.
#[divan::bench]
fn peer(bencher: Bencher<'_, '_>) {
    repeat(bencher, Gate::peered());
}

/// The same with 50 providers and 1,000 rules.
#[divan::bench]
fn much_configured(bencher: Bencher<'_, '_>) {
    again(bencher, 50, 1_000);
}

/// So many rules, all but the last with `*` where the request has its number.
#[divan::bench(args = [1, 10, 1_000])]
fn patterns(bencher: Bencher<'_, '_>, rules: usize) {
    repeat(bencher, Gate::patterned(rules));
}

/// The same without `*`.
#[divan::bench(args = [1, 10, 1_000])]
fn rules(bencher: Bencher<'_, '_>, rules: usize) {
    again(bencher, 1, rules);
}

/// The same where the provider has a list of revocations with so many entries.
#[divan::bench(args = [0, 100_000])]
fn listed(bencher: Bencher<'_, '_>, entries: usize) {
    repeat(bencher, Gate::listed(entries));
}

/// One slice of a list of revocations with 100,000 entries: what one callback takes.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn slice_of_a_list(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::with_list();
    gate.list_comes(100_000, 1);
    bencher.bench_local(|| gate.reads_on());
    assert!(gate.reads_on(), "more slices than there are");
}

fn again(bencher: Bencher<'_, '_>, providers: usize, rules: usize) {
    repeat(
        bencher,
        Gate::sized("ES256", Remember::Tokens, providers, rules),
    );
}

fn repeat(bencher: Bencher<'_, '_>, mut gate: Gate) {
    let token = gate.token(1);
    assert_eq!(gate.judge(Some(&token)), "permitted.token");
    bencher.bench_local(|| gate.judge(Some(&token)));
}

/// A token whose signature has to be checked, by a key in use.
#[divan::bench(args = SigningKey::ALGORITHMS, sample_count = 40)]
fn never_seen(bencher: Bencher<'_, '_>, algorithm: &str) {
    let mut gate = Gate::new(algorithm, Remember::Nothing);
    let tokens: Vec<String> = (0..TOKENS).map(|number| gate.token(number)).collect();
    for token in &tokens {
        assert_eq!(gate.judge(Some(token)), "permitted.token");
    }
    let mut next = tokens.iter().cycle();
    bencher.bench_local(|| gate.judge(next.next().map(String::as_str)));
}

/// A remembered token with a new DPoP proof, by a key of this algorithm.
#[divan::bench(args = ["ES256", "EdDSA", "RS256"], sample_count = 40, sample_size = 4)]
fn dpop_proof(bencher: Bencher<'_, '_>, algorithm: &str) {
    prove(bencher, Kind::Dpop, algorithm);
}

/// The same with an approval by a passkey.
#[divan::bench(args = ["ES256", "EdDSA", "RS256"], sample_count = 40, sample_size = 4)]
fn approval(bencher: Bencher<'_, '_>, algorithm: &str) {
    prove(bencher, Kind::Approval, algorithm);
}

fn prove(bencher: Bencher<'_, '_>, kind: Kind, algorithm: &str) {
    let (mut gate, client) = proofs::both(kind, algorithm);
    assert_eq!(gate.judge(&client.request()), "permitted.token");
    bencher
        .with_inputs(|| client.request())
        .bench_local_refs(|request| assert_eq!(gate.judge(request), "permitted.token"));
}

/// The first and the second token of a key of ES256; the second buys the key's table.
#[divan::bench(args = [1, 2], sample_count = 20, sample_size = 1)]
fn first_tokens_of_a_key(bencher: Bencher<'_, '_>, which: usize) {
    bencher
        .with_inputs(|| {
            let mut gate = Gate::new("ES256", Remember::Nothing);
            let tokens = [1, 2].map(|number| gate.token(number));
            if which == 2 {
                gate.judge(Some(&tokens[0]));
            }
            let token = tokens.into_iter().nth(which - 1).unwrap();
            (gate, token)
        })
        .bench_local_refs(|(gate, token)| gate.judge(Some(token)));
}

/// A good signature of one of so many keys of ES256, two of each in turn. Sixteen of them have a
/// table.
#[divan::bench(args = [1, 16, 17, 60, 1_600], sample_count = 20, sample_size = 200)]
fn signatures_of_keys_in_turn(bencher: Bencher<'_, '_>, keys: usize) {
    let key = |index| SigningKey::es256(&format!("k{index}"));
    let signers: Vec<SigningKey> = (0..keys).map(key).collect();
    let text = jwks(&signers.iter().collect::<Vec<_>>());
    let limits = Limits {
        jwks_bytes: text.len(),
        jwks_keys: keys,
        ..Limits::default()
    };
    let set = JwkSet::parse(text.as_bytes(), &limits).unwrap();
    let signed: Vec<Vec<u8>> = signers.iter().map(|key| key.sign(b"text")).collect();
    let mut backend = Backend::default();
    let mut number = 0;
    let mut next = || {
        let index = number / 2 % keys;
        number += 1;
        let key = &set.keys()[index].key;
        assert!(backend.verifies(key, Algorithm::Es256, b"text", &signed[index]));
    };
    for _ in 0..1_000 {
        next();
    }
    bencher.bench_local(next);
}

#[divan::bench]
fn refused_without_token(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::new("ES256", Remember::Tokens);
    assert_eq!(gate.judge(None), "missing.token");
    bencher.bench_local(|| gate.judge(None));
}

#[divan::bench]
fn refused_as_expired(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::new("ES256", Remember::Tokens);
    let token = gate.expired();
    assert_eq!(gate.judge(Some(&token)), "untrusted.expired");
    bencher.bench_local(|| gate.judge(Some(&token)));
}

/// A token that is read and compared, and refused because it is for somebody else.
#[divan::bench]
fn refused_by_its_issuer(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::new("ES256", Remember::Tokens);
    let token = gate.foreign();
    assert_eq!(gate.judge(Some(&token)), "untrusted.issuer");
    bencher.bench_local(|| gate.judge(Some(&token)));
}

/// The strict reader, of the claims of a token.
#[divan::bench]
fn json_of_claims(bencher: Bencher<'_, '_>) {
    let claims = Gate::new("ES256", Remember::Tokens).claims();
    bencher.bench_local(|| Json::parse(black_box(claims.as_bytes()), 2_000));
}

#[divan::bench(args = [1, 10, 100])]
fn jwks_of_es256(bencher: Bencher<'_, '_>, keys: usize) {
    jwks_of(bencher, "ES256", keys);
}

#[divan::bench(args = [1, 10, 100])]
fn jwks_of_rs256(bencher: Bencher<'_, '_>, keys: usize) {
    jwks_of(bencher, "RS256", keys);
}

fn jwks_of(bencher: Bencher<'_, '_>, algorithm: &str, count: usize) {
    let key = |index| SigningKey::of(algorithm, &format!("k{index}"));
    let keys: Vec<SigningKey> = (0..count).map(key).collect();
    let text = jwks(&keys.iter().collect::<Vec<_>>());
    let limits = Limits::default();
    assert_eq!(
        JwkSet::parse(text.as_bytes(), &limits)
            .unwrap()
            .keys()
            .len(),
        count
    );
    bencher.bench_local(|| JwkSet::parse(black_box(text.as_bytes()), &limits));
}

/// A configuration: `[providers, rules]`.
#[divan::bench(args = [[1, 1], [50, 1_000]])]
fn configuration(bencher: Bencher<'_, '_>, [providers, rules]: [usize; 2]) {
    let text = gate::config(&SigningKey::es256("k"), Remember::Tokens, providers, rules);
    bencher.bench_local(|| Config::parse(black_box(text.as_bytes())).unwrap());
}

/// What is written about a permit for the access log.
#[divan::bench]
fn audit_record(bencher: Bencher<'_, '_>) {
    let mut gate = Gate::new("ES256", Remember::Tokens);
    let token = gate.token(1);
    let Gate { config, now, .. } = Gate::new("ES256", Remember::Tokens);
    let mut auditor = Auditor::new(config.audit(), "passgate");
    bencher
        .with_inputs(|| record(&mut gate, &token))
        .bench_local_values(|record| auditor.write(record, Some(now)));
}

fn record(gate: &mut Gate, token: &str) -> AuditRecord {
    match gate.step(Some(token)) {
        Step::Settle(Settlement { record, .. }) => *record,
        Step::Await(_) => panic!("the keys are part of the configuration"),
    }
}
