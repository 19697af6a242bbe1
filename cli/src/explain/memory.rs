//! What workers of a gate would share, for one request: so that a rule which wants a proof says
//! which one, and not that there is nowhere to remember it.

use std::{cell::RefCell, collections::BTreeMap};

use passgate_core::{NotShared, SharedData, Stored};

/// Each value with its version.
#[derive(Debug, Default)]
pub(super) struct Memory(RefCell<BTreeMap<String, (Vec<u8>, u32)>>);

impl SharedData for Memory {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        let mut values = self.0.borrow_mut();
        let known = values.get(key).map(|(_, known)| *known);
        if known.is_some() && known != version {
            return Ok(Stored::Conflict);
        }
        let next = known.unwrap_or_default().saturating_add(1);
        values.insert(key.to_owned(), (value.to_vec(), next));
        Ok(Stored::Yes)
    }
}
