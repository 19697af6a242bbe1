//! A host with shared data as Envoy has them.
#![expect(
    clippy::disallowed_types,
    reason = "one proxy, seen by several workers of one thread"
)]

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use passgate_core::{NotShared, SharedData, Stored};

/// Values by key, each with its version.
pub(crate) type Values = HashMap<String, (Vec<u8>, u32)>;

/// The data of one proxy; its clones are what its workers see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxy {
    pub(crate) values: Rc<RefCell<Values>>,
    version: Rc<RefCell<u32>>,
}

impl SharedData for Proxy {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        *self.version.borrow_mut() += 1;
        let next = *self.version.borrow();
        let mut values = self.values.borrow_mut();
        if let Some((_, own)) = values.get(key)
            && version != Some(*own)
        {
            return Ok(Stored::Conflict);
        }
        values.insert(key.to_owned(), (value.to_vec(), next));
        Ok(Stored::Yes)
    }
}
