//! The ways in which signatures are checked: the answers must be the same.

use std::{cell::Cell, rc::Rc};

use passgate_core::{Algorithm, Backend, ForeignFunctions, VerifyingKey};
use passgate_kit::SigningKey;

use crate::public_key;

/// Who checks signatures.
pub(crate) enum Way {
    /// The crates of each algorithm.
    Crates,
    /// What the filter uses where the host does not help: tables of keys, and the crates.
    Alone(Box<Backend>),
    /// What it uses with a host, which has another library.
    WithHost(Box<Backend>),
}

impl Way {
    /// One of each.
    pub(crate) fn all() -> [Self; 3] {
        let mut with_host = Backend::default();
        with_host.use_host(Box::new(Host::default())).unwrap();
        [
            Self::Crates,
            Self::Alone(Box::default()),
            Self::WithHost(Box::new(with_host)),
        ]
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Crates => "crates",
            Self::Alone(_) => "alone",
            Self::WithHost(_) => "with host",
        }
    }

    pub(crate) fn verifies(
        &mut self,
        key: &VerifyingKey,
        algorithm: Algorithm,
        text: &[u8],
        signature: &[u8],
    ) -> bool {
        match self {
            Self::Crates => key.verifies(algorithm, text, signature),
            Self::Alone(backend) | Self::WithHost(backend) => {
                backend.verifies(key, algorithm, text, signature)
            }
        }
    }
}

/// A host as Envoy is, which counts questions.
#[derive(Debug, Default)]
struct Host(Rc<Cell<usize>>);

impl ForeignFunctions for Host {
    fn call(&self, name: &str, argument: &[u8]) -> Option<Vec<u8>> {
        self.0.set(self.0.get() + 1);
        (name == "verify_signature").then(|| passgate_kit::verify_signature(argument))
    }
}

#[test]
fn the_way_with_a_host_asks_it() {
    let host = Host::default();
    let asked = Rc::clone(&host.0);
    let mut backend = Backend::default();
    backend.use_host(Box::new(host)).unwrap();
    for alg in ["RS256", "RS384", "RS512", "ES384", "ES512"] {
        let key = SigningKey::of(alg, "k");
        let jwk = public_key(&key.public_jwk()).unwrap();
        let algorithm = Algorithm::from_name(alg).unwrap();
        let before = asked.get();
        assert!(backend.verifies(&jwk, algorithm, b"text", &key.sign(b"text")));
        assert!(!backend.verifies(&jwk, algorithm, b"texT", &key.sign(b"text")));
        assert_eq!(asked.get(), before + 2, "{alg}");
    }
}
