//! The authority of a request (RFC 3986 section 3.2), in the one form that rules compare.

use std::borrow::Cow;

use crate::text::host::is_name;

/// Host and port that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// Lower case, without the trailing dot of a fully qualified name; IPv6 in brackets.
    pub(crate) host: Cow<'a, str>,
    pub(crate) port: Option<u16>,
    /// It has no trailing dot, and its port does not begin with a zero.
    pub(crate) is_plain: bool,
}

impl<'a> Authority<'a> {
    /// `None` for what two parsers may read differently: user information, lists, odd characters,
    /// nothing at all.
    pub(crate) fn parse(raw: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(raw).ok()?;
        let mut has_dot = false;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                let _: core::net::Ipv6Addr = address.parse().ok()?;
                (
                    Cow::Owned(format!("[{}]", address.to_ascii_lowercase())),
                    after.strip_prefix(':').or(after.is_empty().then_some(""))?,
                )
            }
            None => {
                let (name, port) = text.split_once(':').unwrap_or((text, ""));
                let host = name.strip_suffix('.').unwrap_or(name);
                has_dot = host.len() < name.len();
                (is_name(host).then(|| lower_case(host))?, port)
            }
        };
        let is_plain = !has_dot && !port.starts_with('0');
        let colon_without_port = port.is_empty() && text.ends_with(':');
        let port = match port {
            "" if colon_without_port => return None,
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        Some(Self {
            host,
            port,
            is_plain,
        })
    }
}

fn lower_case(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}
