//! A host whose shared data behaves as Envoy's does, for the tests of what is built on it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_types,
    reason = "a test that cannot go on fails, and here the workers are threads"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::*;

/// The data of one proxy. Its clones are what its workers see.
#[derive(Clone, Debug, Default)]
pub(in crate::proof) struct Proxy(Arc<Mutex<Store>>);

#[derive(Debug, Default)]
struct Store {
    values: HashMap<String, (Vec<u8>, u32)>,
    version: u32,
    calls: usize,
}

impl Proxy {
    /// What one of its workers has.
    pub(in crate::proof) fn worker(&self, number: u8) -> Shared {
        Shared::new(Box::new(self.clone()), [number; 32])
    }

    /// The last of its plugins has gone.
    pub(in crate::proof) fn wipe(&self) {
        self.0.lock().unwrap().values.clear();
    }

    /// All that is in it.
    pub(in crate::proof) fn values(&self) -> Vec<(String, Vec<u8>)> {
        let store = self.0.lock().unwrap();
        let values = store.values.iter();
        values
            .map(|(key, (value, _))| (key.clone(), value.clone()))
            .collect()
    }

    /// Somebody else writes.
    pub(in crate::proof) fn overwrite(&self, key: &str, value: &[u8]) {
        self.set(key, value, Some(0)).unwrap();
    }

    /// How often it was asked.
    pub(in crate::proof) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }
}

impl SharedData for Proxy {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        let mut store = self.0.lock().unwrap();
        store.calls += 1;
        Ok(store.values.get(key).cloned())
    }

    /// As Envoy does it: version 0 overwrites, and what is not there is created by any version.
    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        let mut store = self.0.lock().unwrap();
        store.calls += 1;
        store.version += 1;
        let version = version.unwrap_or(u32::MAX);
        let next = store.version;
        if let Some((_, own)) = store.values.get(key)
            && version != 0
            && version != *own
        {
            return Ok(Stored::Conflict);
        }
        store.values.insert(key.to_owned(), (value.to_vec(), next));
        Ok(Stored::Yes)
    }
}

#[test]
fn a_secret_is_created_once_and_read_by_all() {
    let proxy = Proxy::default();
    let first = proxy.worker(1).secret("k", b"front").unwrap();
    assert_eq!(first.len(), 5 + 32);
    assert!(first.starts_with(b"front"));
    for number in 2..10 {
        assert_eq!(proxy.worker(number).secret("k", b"other").unwrap(), first);
    }
    assert_ne!(proxy.worker(1).secret("l", b"front").unwrap(), first);
    proxy.wipe();
    assert_ne!(proxy.worker(2).secret("k", b"front").unwrap(), first);
}

#[test]
fn a_host_without_shared_data_has_no_secrets() {
    assert_eq!(Shared::default().secret("k", b""), Err(NotShared));
}

#[test]
fn parts_of_a_hash_do_not_run_into_each_other() {
    let key = [7; 32];
    assert_ne!(
        keyed_hash(&key, &[b"ab", b"c"]),
        keyed_hash(&key, &[b"a", b"bc"])
    );
    assert_ne!(keyed_hash(&key, &[b"a"]), keyed_hash(&[8; 32], &[b"a"]));
}

#[test]
fn secrets_are_not_shown() {
    let shared = Shared::new(Box::new(Proxy::default()), [0x77; 32]);
    assert!(!format!("{shared:?}").contains("119"));
}
