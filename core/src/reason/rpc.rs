//! A refusal as a client of MCP reads it: an error of JSON-RPC 2.0.

/// What an error of JSON-RPC answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rpc {
    /// The id of the request, as JSON; `None`: nobody has read one. Then the error has none, as MCP
    /// wants it (2026-07-28, Base Protocol, "Error Responses").
    pub(crate) id: Option<String>,
    /// Whether headers of MCP say something else than the body.
    pub(crate) is_mismatch: bool,
}

impl Rpc {
    /// The error of this status. `data` is a JSON text about it.
    ///
    /// Its code is the HTTP status: MCP wants codes of others outside the range that JSON-RPC
    /// reserves. `HeaderMismatch` is MCP's own (2026-07-28, Base Protocol, "Error Codes").
    pub(super) fn error(&self, status: u16, title: &str, data: &str) -> String {
        let status = status.to_string();
        let code = if self.is_mismatch { "-32020" } else { &status };
        let (member, id) = match &self.id {
            Some(id) => (",\"id\":", id.as_str()),
            None => ("", ""),
        };
        [
            "{\"jsonrpc\":\"2.0\"",
            member,
            id,
            ",\"error\":{\"code\":",
            code,
            ",\"message\":\"",
            title,
            "\",\"data\":",
            data,
            "}}\n",
        ]
        .concat()
    }
}
