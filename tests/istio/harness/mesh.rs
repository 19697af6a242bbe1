//! The mesh: one control plane, one gateway, three workloads with sidecars and a waypoint, started
//! once and given to one story at a time.

use super::client::send;
use super::control_plane::{
    OBJECTS, apply, configure, istiod, kubectl, kubelet, kubernetes, try_on,
};
use super::hbone::{self, ACCOUNTS, Behind, NEWS};
use super::image::{file, layout_digest};
use super::people::People;
use super::program::{Program, is_newest, run, tool};
use super::{AUDIENCE, ISSUER, Proxy, Request, Response, eventually, workspace};
use passgate_harness::servers::{self, Count};
use passgate_harness::{Authority, Introspector};
use passgate_kit::{SigningKey, Token, TokenBuilder, jwks};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All of it. It ends with the machine of the tests.
pub struct Mesh {
    folder: PathBuf,
    /// What signs the tokens that the identity provider of the examples would sign.
    pub key: SigningKey,
    /// How often the identity provider was asked for its keys.
    pub key_fetches: Count,
    /// What it says of opaque tokens.
    pub introspection: Arc<Introspector>,
    /// Who signs in at its page.
    pub people: Arc<People>,
    pub gateway: Proxy,
    /// A gateway of the Gateway API.
    pub edge: Proxy,
    /// The service.
    pub ledger: Proxy,
    /// A caller of the service, and another one.
    pub web: Proxy,
    pub batch: Proxy,
    /// In front of two services without sidecars.
    pub waypoint: Proxy,
    istiod: Program,
    _programs: Vec<Program>,
    /// What the proxies were told before the first story.
    bare: Vec<Vec<Value>>,
}

/// The mesh for the time of a story.
pub struct Story(MutexGuard<'static, State>);

enum State {
    New,
    Broken,
    Running(Box<Mesh>),
}

static MESH: Mutex<State> = Mutex::new(State::New);

/// Waits for the story before to end, and gives a mesh without plugins and policies.
pub fn story() -> Story {
    let mut state = MESH.lock().unwrap_or_else(PoisonError::into_inner);
    match *state {
        State::Broken => panic!("the mesh did not start: see the first story"),
        State::New => {
            *state = State::Broken;
            *state = State::Running(Box::new(Mesh::start()));
        }
        State::Running(_) => {}
    }
    let story = Story(state);
    story.clean();
    story
}

impl Deref for Story {
    type Target = Mesh;

    fn deref(&self) -> &Mesh {
        match &*self.0 {
            State::Running(mesh) => mesh,
            State::New | State::Broken => unreachable!("a story has a running mesh"),
        }
    }
}

/// What stories apply; the way to the identity provider stays.
const KINDS: &str = "wasmplugins,trafficextensions,authorizationpolicies,requestauthentications,\
    peerauthentications,telemetries";

/// Changes nothing.
const NUDGE: &str = r#"
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: nudge, namespace: books }
spec: { targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: waypoint }] }
"#;

impl Mesh {
    fn start() -> Self {
        assert!(
            Path::new("/var/lib/isolated").exists(),
            "these stories run on a machine of their own, as root or where users may make namespaces: `make test-istio`"
        );
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("istio");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all("/var/lib/istio/data").unwrap();

        let authority = Authority::generate();
        fs::write("/etc/ssl/certs/ca-certificates.crt", authority.pem()).unwrap();
        let key = SigningKey::es256("k1");
        let introspection = Arc::new(Introspector::start(""));
        let people = Arc::new(People::default());
        let beside = (Arc::clone(&introspection), Arc::clone(&people));
        let key_fetches = identity_provider(&authority, &key, beside);
        servers::echo("127.0.0.1:18081", "ledger");
        servers::echo("127.0.0.1:18082", "bank");
        servers::echo("10.0.0.8:8080", "ledger-next");
        servers::echo("10.0.0.7:8080", ACCOUNTS.name);
        servers::echo("10.0.0.10:8080", NEWS.name);
        let registry = Program::start(
            &folder.join("registry"),
            Command::new(tool("registry")).args(["-port", "5000"]),
        );
        // "passgate:secret", as HTTP writes it.
        let credentials = "Basic cGFzc2dhdGU6c2VjcmV0";
        for (address, name, credentials) in [
            ("127.0.0.2:443", "registry.example.com", None),
            ("127.0.0.5:443", "private.example.com", Some(credentials)),
        ] {
            servers::front(address, name, &authority, "127.0.0.1:5000", credentials);
        }
        kubelet(&authority, &folder);
        let mut programs = vec![registry];
        kubernetes(&folder, &mut programs);
        let istiod = istiod(&folder);

        let mut mesh = Self {
            gateway: Proxy::gateway("istio-ingress", "istio-ingressgateway", "10.0.0.2:80", 1),
            edge: Proxy::gateway("istio-ingress", "edge", "10.0.0.11:8088", 6),
            ledger: Proxy::sidecar("payments", "ledger", "10.0.1.5:8080", "10.0.0.5", 2),
            web: Proxy::sidecar("shop", "web", "10.0.1.3:8080", "10.0.0.3", 3),
            batch: Proxy::sidecar("shop", "batch", "10.0.1.4:8080", "10.0.0.4", 4),
            waypoint: Proxy::waypoint("books", "10.0.0.6:15008", 5),
            folder,
            key,
            key_fetches,
            introspection,
            people,
            istiod,
            _programs: programs,
            bare: Vec::new(),
        };
        mesh.push_images();
        mesh.apply(&file("identity-provider.yaml"));
        mesh.start_proxies();
        let open = |what, probe: &dyn Fn() -> Option<Response>| {
            eventually(what, || (probe()?.status == 200).then_some(()));
        };
        open("an open gateway", &|| mesh.gateway.get("/"));
        open("an open Gateway of the Gateway API", &|| mesh.edge.get("/"));
        open("an open way from web", &|| mesh.web.send(&mesh.to_ledger()));
        open("an open way from batch", &|| {
            mesh.batch.send(&mesh.to_ledger())
        });
        // A waypoint of an older Istio wants an extension that Envoy's own build lacks:
        // `tools/matrix` leaves its stories out.
        let behind = [&ACCOUNTS, &NEWS].into_iter().filter(|_| is_newest());
        for service in behind {
            open("an open way through the waypoint", &|| {
                mesh.ask(&mesh.web, service, &service.request())
            });
        }
        mesh.bare = mesh.proxies().map(Proxy::configuration).into();
        mesh
    }

    fn proxies(&self) -> [&Proxy; 6] {
        [
            &self.gateway,
            &self.edge,
            &self.ledger,
            &self.web,
            &self.batch,
            &self.waypoint,
        ]
    }

    /// All at once: each takes a while.
    fn start_proxies(&mut self) {
        let Self {
            folder,
            gateway,
            edge,
            ledger,
            web,
            batch,
            waypoint,
            ..
        } = self;
        let mut proxies = [gateway, edge, ledger, web, batch, waypoint];
        for proxy in &mut proxies {
            let token = [
                "create",
                "token",
                proxy.account(),
                "--namespace",
                proxy.namespace(),
                "--audience",
                "istio-ca",
                "--duration",
                "24h",
            ];
            let token = run(kubectl(folder).args(token));
            let root = [
                "get",
                "configmap",
                "istio-ca-root-cert",
                "--namespace",
                proxy.namespace(),
                "--output",
                "jsonpath={.data.root-cert\\.pem}",
            ];
            let root = eventually("the root certificate of the mesh in each namespace", || {
                let output = kubectl(folder).args(root).output().unwrap();
                (!output.stdout.is_empty()).then(|| String::from_utf8(output.stdout).unwrap())
            });
            proxy.start(folder, token.trim(), &root);
        }
        for proxy in &mut proxies {
            proxy.ready();
        }
    }

    /// Runs `kubectl` with these arguments and gives what it printed.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        run(kubectl(&self.folder).args(arguments))
    }

    /// `kubectl apply`.
    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        if let Err(refused) = apply(&self.folder, yaml) {
            panic!("{refused}\n{yaml}");
        }
    }

    /// Whether the API server would take this, or why not.
    pub fn try_on(&self, yaml: &str) -> Result<(), String> {
        try_on(&self.folder, yaml)
    }

    /// Where the mesh keeps its files, `kubeconfig` among them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until it is so.
    #[track_caller]
    pub fn eventually(&self, what: &str, probe: impl Fn() -> bool) {
        eventually(what, || probe().then_some(()));
    }

    /// One request to an address of the mesh; `None` where nobody answers.
    pub fn at(&self, address: SocketAddr, request: &Request) -> Option<Response> {
        send(address, request)
    }

    /// What the control plane logged in this story.
    pub fn control_plane_log(&self) -> String {
        self.istiod.log()
    }

    /// Runs `crane` and gives what it printed.
    #[track_caller]
    pub fn crane(&self, arguments: &[&str]) -> String {
        run(Command::new(tool("crane")).args(arguments))
    }

    /// The digest of the image in this form.
    pub fn image_digest(&self, form: &str) -> String {
        layout_digest(form)
    }

    /// Removes what the story before left, and waits until every proxy is what it was before the
    /// first story: what a story sees then comes from what it applied itself.
    fn clean(&self) {
        self.kubectl(&["delete", KINDS, "--all", "--all-namespaces"]);
        let ways = "envoyfilters,virtualservices,serviceentries";
        self.kubectl(&["delete", ways, "--all", "--namespace", "books"]);
        for (name, namespace) in [
            ("introspection", "payments"),
            ("passgate-approvals", "payments"),
            ("oauth2", "istio-ingress"),
            ("quotas", "istio-ingress"),
            ("mcp", "istio-ingress"),
        ] {
            let one = ["envoyfilter", name, "--namespace", namespace];
            self.kubectl(&[&["delete", "--ignore-not-found"], &one[..]].concat());
        }
        configure(&self.folder, "");
        self.apply(&format!(
            "{OBJECTS}\n---\n{}",
            file("identity-provider.yaml")
        ));
        for (proxy, bare) in self.proxies().into_iter().zip(&self.bare) {
            eventually("a proxy without plugins and policies", || {
                if proxy.configuration() == *bare && proxy.settled() {
                    return Some(());
                }
                // What made a cluster of the waypoint may be gone, and the cluster stay until the
                // control plane has a reason to tell everything again.
                if proxy.account() == self.waypoint.account() {
                    self.apply(NUDGE);
                    self.kubectl(&["delete", "envoyfilter", "nudge", "--namespace", "books"]);
                }
                None
            });
            proxy.forget();
        }
        self.istiod.forget();
    }

    /// Waits until every connection is judged by what was applied last, once the story has seen
    /// that it arrived.
    #[track_caller]
    pub fn settled(&self) {
        eventually("proxies that have settled", || {
            let settled = self.proxies().into_iter().all(Proxy::settled);
            settled.then_some(())
        });
    }

    /// A token that the examples take, to be spoilt or signed.
    pub fn token(&self) -> TokenBuilder<'_> {
        Token::of(&self.key, ISSUER, AUDIENCE)
    }

    /// A token that is good for five minutes.
    pub fn good(&self) -> String {
        self.token().build()
    }

    /// One request of this workload to a service behind the waypoint; `None` where nobody answers.
    pub fn ask(&self, caller: &Proxy, service: &Behind, request: &Request) -> Option<Response> {
        let certificates = self.folder.join(format!("{}-0/certs", caller.account()));
        hbone::send(
            &certificates,
            self.waypoint.entrance(),
            service.address,
            request,
        )
        .ok()
    }

    /// Asks until the answer has this status.
    #[track_caller]
    pub fn ask_until(
        &self,
        status: u16,
        caller: &Proxy,
        service: &Behind,
        request: &Request,
    ) -> Response {
        eventually(&format!("{status} for {request:?}"), || {
            let answer = self.ask(caller, service, request);
            answer.filter(|answer| answer.status == status)
        })
    }

    /// Gives the control plane further `extensionProviders` for the time of a story.
    pub fn configure(&self, providers: &str) {
        configure(&self.folder, providers);
    }

    /// A request to `ledger`, for one of its callers.
    pub fn to_ledger(&self) -> Request {
        Request::get("/").authority("ledger.payments.svc.cluster.local:8080")
    }

    /// Pushes the images of `dist/` to the registry, as the guides say.
    fn push_images(&self) {
        for (form, tag) in [
            ("oci", "0.1.0"),
            ("docker", "0.1.0-docker"),
            ("artifact", "0.1.0-artifact"),
        ] {
            let mut crane = Command::new(tool("crane"));
            run(crane.current_dir(workspace()).args([
                "push",
                &format!("dist/image/{form}"),
                &format!("registry.example.com/passgate:{tag}"),
            ]));
        }
    }
}

/// Serves the keys of the examples' issuer, over TLS, answers questions about opaque tokens, and
/// signs people in.
fn identity_provider(
    authority: &Authority,
    key: &SigningKey,
    (introspection, people): (Arc<Introspector>, Arc<People>),
) -> Count {
    let fetches = Count::default();
    let (keys, count) = (jwks(&[key]), fetches.clone());
    servers::serve_tls(
        "127.0.0.3:443",
        "id.example.com",
        authority,
        move |request| {
            let path = servers::path_of(&request);
            if path == "/realms/acme/introspect" {
                return Some(introspection.answer(&request));
            }
            if path.starts_with("/realms/acme/protocol/openid-connect/") {
                return people.answer(&request);
            }
            assert_eq!(path, "/realms/acme/certs");
            assert_eq!(request.headers.text("authorization"), None);
            count.up();
            servers::ok("application/json", keys.as_bytes())
        },
    );
    fetches
}
