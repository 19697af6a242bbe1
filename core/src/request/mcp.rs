//! What a request to an MCP server calls, as the host's own filter has read it in the body.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Request;
use crate::{
    limits,
    reason::{Ambiguous, Rpc},
};

/// What a request calls: the method of its JSON-RPC message, and what that names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum McpCall {
    /// Nobody can tell: it may be any.
    Unknown,
    /// This one.
    Known {
        /// Such as `tools/call`.
        method: Box<str>,
        /// The tool, the prompt, or the URI of the resource.
        name: Option<Box<str>>,
    },
}

impl McpCall {
    /// As if a body had said this.
    #[cfg(feature = "explain")]
    pub(crate) fn of(method: &str, name: Option<&str>) -> Self {
        let name = name.and_then(|name| plain(name.into()));
        match plain(method.into()) {
            Some(method) if name.is_some() || named_by(&method).is_none() => {
                Self::Known { method, name }
            }
            _ => Self::Unknown,
        }
    }

    /// About how many bytes of memory it takes beside itself.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Unknown => 0,
            Self::Known { method, name } => {
                let name = name.as_ref().map_or(0, |name| name.len());
                method.len().saturating_add(name)
            }
        }
    }
}

impl Request<'_> {
    /// What the request calls. The headers of MCP 2026-07-28 say the same, or it can be read in two
    /// ways; they are never believed alone.
    #[inline(never)]
    pub(crate) fn call(&self) -> Result<McpCall, Ambiguous> {
        let Some((method, name)) = self.read_call() else {
            return Ok(McpCall::Unknown);
        };
        let is_told = self.tells("mcp-method", &method)
            && name
                .as_deref()
                .is_none_or(|name| self.tells("mcp-name", name));
        if !is_told {
            return Err(Ambiguous::Mcp);
        }
        Ok(McpCall::Known { method, name })
    }

    /// What a refusal answers if the client speaks MCP: it posts JSON, and takes both kinds of
    /// answers as MCP wants it (2026-07-28, Streamable HTTP, "Sending Messages").
    #[inline(never)]
    pub(crate) fn rpc(&self, is_mismatch: bool) -> Option<Box<Rpc>> {
        let speaks = self.one(":method") == Some(b"POST")
            && self.is_plain_json()
            && self.accepts(b"application/json")
            && self.accepts(b"text/event-stream");
        speaks.then(|| {
            Box::new(Rpc {
                id: self.rpc_id(),
                is_mismatch,
            })
        })
    }

    /// The id of the one message that was read, as JSON. Envoy writes a number as a double and a
    /// text as its bytes, and says of neither which it is: a text is plain here, and bytes that may
    /// be both are neither.
    fn rpc_id(&self) -> Option<String> {
        self.read_call()?;
        let id = self.connection?.mcp("id")?;
        let number = <[u8; 8]>::try_from(&*id).ok().and_then(integer);
        match (number, plain(id)) {
            (Some(number), None) => Some(number),
            (None, Some(text)) => serde_json::to_string(&*text).ok(),
            _ => None,
        }
    }

    /// Method and name, if all of the body was read, and as one message.
    fn read_call(&self) -> Option<(Box<str>, Option<Box<str>>)> {
        let read = |member: &str| self.connection?.mcp(member);
        // A boolean is one byte.
        let is_whole = read("is_mcp_request")? == [1]
            && read("is_exceeding_limit").is_none_or(|it| it == [0])
            && read("passthrough_reason").is_none();
        let method = plain(read("method")?).filter(|_| is_whole)?;
        // Envoy's name for an answer of the client, which may have a method all the same.
        if &*method == "__jsonrpc_response" || !self.is_plain_json() {
            return None;
        }
        let name = match named_by(&method) {
            Some(member) => Some(plain(read(member)?)?),
            None => None,
        };
        Some((method, name))
    }

    /// Whether all readers take the same bytes for the body's text. Envoy's filter takes it for
    /// UTF-8 without a coding, whatever these headers say.
    fn is_plain_json(&self) -> bool {
        let mut types = self.values("content-type");
        let is_plain = types.next().is_some_and(|value| {
            let mut text = value.to_ascii_lowercase();
            text.retain(|byte| !matches!(byte, b' ' | b'\t' | b'"'));
            matches!(
                &*text,
                b"application/json" | b"application/json;charset=utf-8"
            )
        });
        let mut codings = self.values("content-encoding");
        is_plain && types.next().is_none() && codings.all(|coding| coding == b"identity")
    }

    /// Whether a header says just this, or is not there. Its value stands as it is, or in base64
    /// between two marks (MCP 2026-07-28, Streamable HTTP, "Value Encoding").
    fn tells(&self, header: &str, text: &str) -> bool {
        let mut values = self.values(header);
        let Some(value) = values.next() else {
            return true;
        };
        let encoded = || ["=?base64?", &STANDARD.encode(text), "?="].concat();
        let is_it = value == text.as_bytes() || value == encoded().as_bytes();
        is_it && values.next().is_none()
    }
}

/// Where a call of this method names a tool, a prompt or a resource, also for a reader that does
/// not look at the case of letters.
fn named_by(method: &str) -> Option<&'static str> {
    match &*method.to_ascii_lowercase() {
        "tools/call" | "prompts/get" => Some("params\0name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some("params\0uri"),
        _ => None,
    }
}

/// A text that no two readers take for different ones: visible ASCII. What is longer than a rule
/// can name is not told either.
fn plain(bytes: Vec<u8>) -> Option<Box<str>> {
    let is_plain = !bytes.is_empty()
        && bytes.len() <= limits::MCP_NAME_BYTES
        && bytes.iter().all(u8::is_ascii_graphic);
    let text = String::from_utf8(bytes).ok()?;
    is_plain.then(|| text.into())
}

/// A double that is a whole number, as every reader of JSON keeps it (RFC 8259 section 6), in
/// decimal.
fn integer(bytes: [u8; 8]) -> Option<String> {
    let bits = u64::from_le_bytes(bytes);
    let (sign, rest) = (bits >> 63, bits & (u64::MAX >> 1));
    if rest == 0 {
        return Some("0".to_owned());
    }
    // 52 bits of a fraction, whose first one is not written; the exponent is 1,023 too large.
    let shift = 1_075_u64.checked_sub(rest >> 52)?;
    let fraction = (rest & (u64::MAX >> 12)) | (1 << 52);
    let shift = u32::try_from(shift).ok().filter(|shift| *shift <= 52)?;
    let whole = fraction.checked_shr(shift)?;
    let is_whole = whole.checked_shl(shift)? == fraction;
    let sign = if sign == 1 { "-" } else { "" };
    is_whole.then(|| [sign, &whole.to_string()].concat())
}
