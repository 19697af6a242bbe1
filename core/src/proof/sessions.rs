//! Sessions that a passkey has approved: their assertion comes with each request, and its signature
//! is checked once for each worker. All else about it is judged each time.

use crate::limits;

/// Names of key and signed bytes whose signature was right. Each has one place by its first bytes,
/// and may lose it to another one: then its signature is checked once more.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Empty until the first one comes.
    names: Vec<[u8; 32]>,
}

impl Sessions {
    /// Whether the signature was right when it was checked.
    pub(crate) fn has(&self, name: &[u8; 32]) -> bool {
        self.names.get(place(name)) == Some(name)
    }

    /// Its signature was right.
    pub(crate) fn insert(&mut self, name: [u8; 32]) {
        if self.names.is_empty() {
            self.names = vec![[0; 32]; limits::SESSIONS];
        }
        if let Some(own) = self.names.get_mut(place(&name)) {
            *own = name;
        }
    }
}

fn place([high, low, ..]: &[u8; 32]) -> usize {
    usize::from(u16::from_be_bytes([*high, *low])) % limits::SESSIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_sessions_is_remembered_and_each_exactly() {
        let mut sessions = Sessions::default();
        assert!(!sessions.has(&[0; 32]), "nothing is there before the first");
        let mut other = [7; 32];
        other[31] = 8;
        sessions.insert([7; 32]);
        assert!(sessions.has(&[7; 32]));
        assert!(!sessions.has(&other), "the same place, another session");
        sessions.insert(other);
        assert!(sessions.has(&other));
        assert!(!sessions.has(&[7; 32]));
        for number in 0..=u16::MAX {
            let mut name = [1; 32];
            name[..2].copy_from_slice(&number.to_be_bytes());
            sessions.insert(name);
            assert!(sessions.has(&name));
        }
        assert_eq!(sessions.names.len(), limits::SESSIONS);
    }
}
