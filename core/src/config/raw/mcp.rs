//! Calls of MCP.

use crate::decode::{Filled, Text, record};

record! {
    /// One of these calls of MCP, as Envoy's `mcp` filter, before this one, reads them in bodies. A
    /// request of which nobody can tell what it calls must meet every rule with `mcp` that its
    /// path, host and method fit, and the first rule without.
    pub(in crate::config) RawMcp "mcp" {
        /// Any of these methods. Absent: all, or those with a name.
        methods: Filled<Text>,
        /// Any of these tools or prompts. A final `*` is the rest of the name.
        names: Filled<Text>,
        "tools": "write methods: [tools/call] and names",
        "uris": "write methods: [resources/read]; a URI can be written in many ways, so rules do not look at it",
    }
}
