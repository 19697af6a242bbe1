//! The gate of one story: Envoy with the filter, an upstream behind it and an issuer beside it.

use super::bootstrap::Bootstrap;
use super::process::{Process, module, new_folder};
use super::{
    AUDIENCE, Authority, Http1, ISSUER, Issuer, Protocol, Request, Response, Upstream, WallClock,
    eventually, http2,
};
use passgate_kit::{Token, TokenBuilder};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a story wants of its gate before it starts.
pub struct Setup {
    bootstrap: Bootstrap,
    policy: Option<Value>,
    issuer: Issuer,
    upstream: Upstream,
    workers: u32,
    core: Option<usize>,
    watched: bool,
    clock: Option<WallClock>,
    environment: Vec<(String, String)>,
    drain: Duration,
}

impl Setup {
    /// The shipped bootstrap with this plugin configuration.
    pub fn new(policy: Value) -> Self {
        let mut setup = Self::shipped("envoy/envoy.yaml");
        setup.bootstrap.set_policy(&policy);
        setup.policy = Some(policy);
        setup
    }

    /// A file of `envoy/` with the plugin configuration that it holds.
    pub fn shipped(file: &str) -> Self {
        let mut bootstrap = Bootstrap::load(file);
        bootstrap.localise(&module());
        Self {
            bootstrap,
            policy: None,
            issuer: Issuer::start(),
            upstream: Upstream::start(),
            workers: 1,
            core: None,
            watched: false,
            clock: None,
            environment: Vec::new(),
            drain: Duration::from_secs(1),
        }
    }

    /// How long connections of a listener that was replaced may go on. Stories that wait for their
    /// end have a second; then Envoy closes them, with requests on the way or without.
    pub fn drains_for(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Keeps Envoy to one core of the machine.
    pub fn pinned(mut self, core: Option<usize>) -> Self {
        self.core = core;
        self
    }

    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = issuer;
        self
    }

    /// Hands the filter an environment variable.
    pub fn variable(self, name: &str, value: &str) -> Self {
        self.edit(|bootstrap| bootstrap.set_variable(name, value))
    }

    /// Hands the filter a variable of Envoy's own environment, so that no file and no dump has its
    /// value.
    pub fn host_variable(mut self, name: &str, value: &str) -> Self {
        super::secrets::keep(value);
        self.bootstrap.hand_over_variable(name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts Envoy with this variable, which is no secret and not for the filter.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes the bootstrap.
    pub fn edit(mut self, edit: impl FnOnce(&mut Bootstrap)) -> Self {
        edit(&mut self.bootstrap);
        self
    }

    /// Lets Envoy pass on trailers of HTTP/1.1, which it drops unless it is told otherwise on both
    /// sides.
    pub fn with_trailers(self) -> Self {
        self.edit(Bootstrap::enable_trailers)
    }

    /// Whether Envoy hands over the body of a request whose headers are held
    /// (`allow_on_headers_stop_iteration`).
    pub fn hands_over_bodies(self, allowed: bool) -> Self {
        self.edit(|bootstrap| bootstrap.allow_on_headers_stop_iteration(allowed))
    }

    /// Another cluster, for the keys of another provider.
    pub fn cluster(self, name: &str, address: SocketAddr) -> Self {
        self.edit(|bootstrap| bootstrap.add_cluster(name, address))
    }

    /// Lets a cluster that speaks TLS trust this authority and no other.
    pub fn trusting(self, cluster: &str, authority: &Authority) -> Self {
        self.edit(|bootstrap| bootstrap.trust(cluster, &authority.pem()))
    }

    /// Puts the listener into a file that Envoy watches, so that `Gate::reconfigure` works.
    pub fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// Runs this module in place of the shipped one.
    pub fn module(self, module: &Path) -> Self {
        self.edit(|bootstrap| bootstrap.localise(module))
    }

    /// Starts Envoy with this wall clock.
    pub fn clock(mut self, clock: WallClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts all of it and waits until the gate listens.
    pub fn start(self) -> Gate {
        let has_secrets = !self.environment.is_empty();
        let (mut process, upstream, issuer, bootstrap, clock) = self.spawn();
        let address = process.ready();
        Gate {
            address,
            upstream,
            issuer,
            process,
            bootstrap,
            finished: false,
            versions: 1,
            clock,
            has_secrets,
        }
    }

    /// Starts an Envoy that is expected to refuse its configuration; what it logged.
    pub fn refused(self) -> String {
        let (mut process, upstream, _issuer, ..) = self.spawn();
        let status = process.wait().expect("Envoy refuses to start");
        assert!(!status.success(), "Envoy ended as if all were well");
        assert_eq!(upstream.hits(), 0);
        process.log()
    }

    fn spawn(mut self) -> (Process, Upstream, Issuer, Bootstrap, Option<WallClock>) {
        // A file whose keys stand in the configuration has no such cluster.
        if self.bootstrap.has_cluster("idp") {
            self.bootstrap.set_address("idp", self.issuer.address());
        }
        self.bootstrap
            .set_address("upstream", self.upstream.address());
        let folder = new_folder();
        let full = self.bootstrap.clone();
        if self.watched {
            let file = folder.join("lds.json");
            fs::write(&file, self.bootstrap.listener_resource().to_string()).unwrap();
            self.bootstrap.watch_listener(&file);
        }
        let clock = self.clock;
        let process = Process::spawn(
            folder,
            &self.bootstrap,
            self.workers,
            self.core,
            clock.as_ref(),
            &self.environment,
            self.drain,
        );
        (process, self.upstream, self.issuer, full, clock)
    }
}

/// A running gate. Every story ends with `finish`.
pub struct Gate {
    pub address: SocketAddr,
    pub upstream: Upstream,
    pub issuer: Issuer,
    pub(super) process: Process,
    bootstrap: Bootstrap,
    pub(super) finished: bool,
    versions: u32,
    clock: Option<WallClock>,
    /// Envoy has some in its environment.
    pub(super) has_secrets: bool,
}

impl Gate {
    /// One worker, the shipped bootstrap, this plugin configuration.
    pub fn start(policy: Value) -> Self {
        Setup::new(policy).start()
    }

    /// A token that the configured provider of the stories takes, to be spoilt or signed.
    pub fn token(&self) -> TokenBuilder<'_> {
        Token::of(&self.issuer.key, ISSUER, AUDIENCE)
    }

    /// A token that is good for five minutes.
    pub fn good(&self) -> String {
        self.token().build()
    }

    /// The number of Envoy's process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Lets the wall clock of this Envoy jump: so many seconds ahead of the real one.
    pub fn set_clock(&self, seconds: i64) {
        let clock = self.clock.as_ref().expect("a gate with a clock of its own");
        clock.set(seconds);
    }

    /// The processor time that Envoy has spent so far.
    pub fn processor_time(&self) -> Duration {
        self.process.processor_time()
    }

    /// Nothing more is expected of it.
    pub fn end(&mut self) {
        self.finished = true;
    }

    /// One request on a connection of its own.
    pub fn send(&self, protocol: Protocol, request: &Request) -> Response {
        self.try_send(protocol, request).expect("an answer")
    }

    /// The same where the gate may end the connection or the stream instead.
    pub fn try_send(&self, protocol: Protocol, request: &Request) -> Result<Response, String> {
        Self::send_to(self.address, protocol, request)
    }

    /// The same without a borrowed gate, for load beside a change of the gate.
    pub fn send_to(
        address: SocketAddr,
        protocol: Protocol,
        request: &Request,
    ) -> Result<Response, String> {
        match protocol {
            Protocol::Http1 => {
                let mut client = Http1::connect(address);
                client.send(request.to_http1());
                let answer = match &*request.method {
                    "HEAD" => client.try_read_head(),
                    _ => client.try_read(),
                };
                answer.map_err(|error| error.to_string())
            }
            Protocol::Http2 => http2::exchange(address, request),
        }
    }

    /// An HTTP/1.1 connection to the gate.
    pub fn client(&self) -> Http1 {
        Http1::connect(self.address)
    }

    /// Requests at once as streams of one HTTP/2 connection; the answers in the same order.
    pub fn send_streams(&self, requests: &[Request]) -> Vec<Response> {
        http2::exchange_all(self.address, requests).expect("an answer to each")
    }

    /// Sends a request over HTTP/2 and resets it after this long without an answer.
    pub fn abandon(&self, request: &Request, wait: Duration) {
        self.try_abandon(request, wait).expect("no answer yet");
    }

    /// The same where there may be an answer before.
    pub fn try_abandon(&self, request: &Request, wait: Duration) -> Result<(), String> {
        http2::abandon(self.address, request, wait)
    }

    /// Sends a request over HTTP/2 with the first half of its body, and resets it after this long.
    pub fn leave_in_the_middle(&self, request: &Request, wait: Duration) {
        http2::leave_in_the_middle(self.address, request, wait).expect("half of a request");
    }

    /// Sends a request and holds the second half of its body back until it is told to go on. An
    /// error: the gate ended the connection or the stream instead.
    pub fn send_in_halves(
        &self,
        protocol: Protocol,
        request: &Request,
        go_on: &AtomicBool,
    ) -> Result<Response, String> {
        match protocol {
            Protocol::Http1 => {
                let wire = request.to_http1();
                let body = request.body.as_ref().map_or(0, Vec::len);
                // What follows the body is much smaller than half of it.
                let (first, second) = wire.split_at(wire.len() - body / 2);
                let mut client = self.client();
                client.send(first);
                eventually("leave to go on", || {
                    go_on.load(Ordering::SeqCst).then_some(())
                });
                // A gate that has answered may have ended the connection.
                let _ = client.try_send(second);
                client.try_read().map_err(|error| error.to_string())
            }
            Protocol::Http2 => http2::exchange_in_halves(self.address, request, go_on),
        }
    }

    /// Hands Envoy another plugin configuration through the watched file.
    pub fn reconfigure(&mut self, policy: &Value) {
        self.relisten(|bootstrap| bootstrap.set_policy(policy));
    }

    /// Hands Envoy another listener through the watched file, and waits until it is taken or
    /// refused. One that is taken may have to wait for more before it serves.
    pub fn relisten(&mut self, edit: impl FnOnce(&mut Bootstrap)) {
        edit(&mut self.bootstrap);
        let folder = self.process.folder();
        let fresh = folder.join("lds.json.new");
        fs::write(&fresh, self.bootstrap.listener_resource().to_string()).unwrap();
        fs::rename(&fresh, folder.join("lds.json")).unwrap();
        self.versions += 1;
        // Taken or refused: Envoy has read it.
        eventually("an update of the listener", || {
            let taken = self.stat("listener_manager.lds.update_success");
            let refused = self.stat("listener_manager.lds.update_rejected");
            (taken + refused >= u64::from(self.versions)).then_some(())
        });
    }

    /// Keys were fetched once by each thread: the workers, and the main one, which has a VM of its
    /// own.
    #[track_caller]
    pub fn fetched_once(&self) {
        let threads = 1 + usize::try_from(self.stat("server.concurrency")).unwrap();
        let fetches = self.issuer.fetches();
        assert!(
            (1..=threads).contains(&fetches),
            "{fetches} fetches by {threads} threads"
        );
    }

    /// A counter or gauge of Envoy; one that does not exist yet is zero.
    pub fn stat(&self, name: &str) -> u64 {
        let stats = self.stats();
        let found = stats.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, value)| *value)
    }

    /// All counters and gauges.
    pub fn stats(&self) -> Vec<(String, u64)> {
        let text = self.process.admin("GET", "/stats").text();
        let pairs = text.lines().filter_map(|line| line.rsplit_once(": "));
        pairs
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect()
    }

    /// Where Envoy's admin listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.process.admin_address()
    }

    /// Envoy's page of this path at its admin.
    pub fn admin(&self, path: &str) -> String {
        self.process.admin("GET", path).text()
    }

    /// What Envoy logged so far, the filter's lines included.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// What Envoy logs about calls between itself and the filter while this is done.
    pub fn traced(&self, work: impl FnOnce()) -> String {
        let level = |level| {
            self.process
                .admin("POST", &format!("/logging?wasm={level}"))
        };
        assert_eq!(level("trace").status, 200);
        let before = self.log().len();
        work();
        level("info");
        self.log().split_off(before)
    }

    /// The access log so far.
    pub fn access_log(&self) -> Vec<Value> {
        let log = self.process.access_log();
        log.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The access log's entry of one request.
    pub fn entry(&self, request_id: &str) -> Value {
        eventually("an entry of the access log", || {
            let log = self.access_log();
            log.into_iter()
                .find(|entry| entry["request_id"] == json!(request_id))
        })
    }
}
