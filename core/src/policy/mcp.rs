//! Which calls of MCP a rule is about.

use crate::request::McpCall;

/// Which calls of MCP a rule is about; what cannot be told is about every such rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpMatch {
    /// Any of these methods; empty: all.
    pub methods: Vec<String>,
    /// Any of these tools or prompts, a final `*` being the rest of the name; empty: all calls.
    pub names: Vec<String>,
}

impl McpMatch {
    /// Whether this call is one of those. One that cannot be told is none: it meets every rule.
    pub(super) fn fits(&self, call: Option<&McpCall>) -> bool {
        self.fits_by(call, |one, other| one == other)
    }

    /// Whether a reader that does not look at the case of letters would take it for one of those.
    pub(crate) fn nearly_fits(&self, call: &McpCall) -> bool {
        !self.fits(Some(call)) && self.fits_by(Some(call), str::eq_ignore_ascii_case)
    }

    fn fits_by(&self, call: Option<&McpCall>, is: fn(&str, &str) -> bool) -> bool {
        let Some(McpCall::Known { method, name }) = call else {
            return false;
        };
        let mut names = self.names.iter();
        (self.methods.is_empty() || self.methods.iter().any(|own| is(own, method)))
            && (self.names.is_empty()
                || name
                    .as_deref()
                    .is_some_and(|name| names.any(|own| name_fits(own, name, is))))
    }

    /// Whether each call that `later` is about is one of these.
    pub(super) fn covers(&self, later: &Self) -> bool {
        let named = |name: &String| {
            let begin = name.strip_suffix('*').unwrap_or(name);
            let is_within = |own: &String| match own.strip_suffix('*') {
                Some(own) => begin.starts_with(own),
                None => own == name,
            };
            self.names.iter().any(is_within)
        };
        let has = |method: &String| self.methods.contains(method);
        (self.methods.is_empty() || !later.methods.is_empty() && later.methods.iter().all(has))
            && (self.names.is_empty() || !later.names.is_empty() && later.names.iter().all(named))
    }
}

/// Whether a name is this one, or begins as it does before a final `*`.
fn name_fits(own: &str, name: &str, is: fn(&str, &str) -> bool) -> bool {
    match own.strip_suffix('*') {
        Some(begin) => name
            .get(..begin.len())
            .is_some_and(|start| is(begin, start)),
        None => is(own, name),
    }
}
