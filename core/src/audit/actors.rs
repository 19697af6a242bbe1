//! The actors that counters name: those that rules name. Any other is `other`, so a token cannot
//! make a new label.

use std::rc::Rc;

/// Each actor that a rule names, with the label of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedActors(Vec<(String, Rc<str>)>);

impl NamedActors {
    /// Of these, each as `issuer/subject`.
    pub(crate) fn of<'a>(actors: impl Iterator<Item = &'a String>) -> Self {
        let mut named = Self::default();
        for actor in actors {
            // Sorting would cost the module more than all of this.
            if let Err(place) = named.place(actor) {
                named.0.insert(place, (actor.clone(), label(actor).into()));
            }
        }
        named
    }

    /// What counters call this actor, with a number of its own.
    pub(crate) fn label(&self, actor: &str) -> (Rc<str>, usize) {
        let place = self.place(actor).ok();
        place
            .and_then(|place| Some((Rc::clone(&self.0.get(place)?.1), place)))
            .unwrap_or_else(|| ("other".into(), usize::MAX))
    }

    /// Where it is, or else would be.
    fn place(&self, actor: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| (**own).cmp(actor))
    }
}

/// Letters, digits, `_` and `-`: each run of other characters becomes one `_`.
fn label(actor: &str) -> String {
    let mut label = String::new();
    for c in actor.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            label.push(c);
        } else if !label.ends_with('_') {
            label.push('_');
        }
    }
    label
}
