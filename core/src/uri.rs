//! The parts of an `http` or `https` URI (RFC 3986).

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::text::host::is_name;

/// What is wrong, as a sentence that begins with the URI goes on; and what to write instead.
pub(crate) type Odd = (&'static str, &'static str);

/// Scheme, authority, and the rest, which is empty or begins with `/`, `?` or `#`.
pub(crate) fn split(text: &str) -> Result<(&str, &str, &str), Odd> {
    let odd = |b: u8| !b.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&b);
    if text.bytes().any(odd) {
        return Err(("holds a character that no URI has", "percent-encode it"));
    }
    let Some((scheme @ ("http" | "https"), rest)) = text.split_once("://") else {
        return Err((
            "does not begin with https:// or http://",
            "write the whole URI",
        ));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).unwrap_or_default();
    if authority.contains('@') {
        return Err(("holds user information before @", "remove it"));
    }
    Ok((scheme, authority, rest))
}

/// The host as written, and the port.
pub(crate) fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Odd> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_host(host) {
        return Err((
            "names no valid host",
            "write a name, such as id.example.com, or an IP address",
        ));
    }
    let Some(port) = port else {
        return Ok((host, None));
    };
    let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    match port.parse() {
        Ok(port) if digits => Ok((host, Some(port))),
        _ => Err(("names no valid port", "write a number from 1 to 65535")),
    }
}

/// A name with labels of at most 63 bytes (RFC 1035 section 2.3.4), or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    is_name(host) && host.split('.').all(|label| label.len() <= 63)
}

/// Whether nothing but this machine is reached by this host, by name or address.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}
