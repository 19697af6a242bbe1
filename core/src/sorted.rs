//! A map in one sorted list, for a few thousand small entries.
//!
//! A search takes as many steps as in a tree. An entry that comes or goes moves those behind it: 64
//! KiB at most, which takes a few microseconds, and 360 KiB of counters, which only come. A tree of
//! the standard library is several KiB of the module for each type of entry.

/// A map whose entries stand in one list, sorted by their keys.
#[derive(Debug)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// All entries, sorted by their keys.
    pub(crate) fn entries(&self) -> &[(K, V)] {
        &self.0
    }

    /// The number of entries.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of this key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let (_, value) = self.0.get(self.place(key).ok()?)?;
        Some(value)
    }

    /// The value of this key.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        let (_, value) = self.0.get_mut(place)?;
        Some(value)
    }

    /// All values.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Adds an entry, or gives the key that is there another value.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some(entry) = self.0.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (_, value) = self.0.remove(self.place(key).ok()?);
        Some(value)
    }

    /// Keeps the entries with such values.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| is_kept(value));
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use super::SortedMap;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_is_the_same_map_as_a_tree(steps in prop::collection::vec((0_u8..20, 0_u8..4, 0_u8..9), 0..200)) {
            let (mut list, mut tree) = (SortedMap::default(), BTreeMap::new());
            for (key, step, value) in steps {
                match step {
                    0 | 1 => {
                        list.insert(key, value);
                        tree.insert(key, value);
                    }
                    2 => prop_assert_eq!(list.remove(&key), tree.remove(&key)),
                    _ => {
                        list.retain(|other| *other != value);
                        tree.retain(|_, other| *other != value);
                    }
                }
                prop_assert_eq!(list.get(&key), tree.get(&key));
                prop_assert_eq!(list.get_mut(&key), tree.get_mut(&key));
                prop_assert!(list.values_mut().eq(tree.values_mut()));
                let entries = list.entries().iter().map(|(key, value)| (key, value));
                prop_assert!(entries.eq(tree.iter()));
                prop_assert_eq!(list.len(), tree.len());
            }
        }
    }
}
