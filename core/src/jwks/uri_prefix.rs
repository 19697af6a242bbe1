//! What the `jwks_uri` of a discovery document must lie below: scheme, host, port, and whole
//! segments of the path.
//!
//! The document is written by somebody else, and some hosts serve many tenants: it may choose an
//! address inside these bounds and none outside, however that is spelled.

use std::borrow::Cow;

use crate::fetch::Endpoint;
use crate::{
    limits,
    request::path::{self, PathPolicy},
    uri::{Odd, host_and_port, split},
};

/// Scheme, host, port and path below which an address must lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriPrefix {
    origin: (String, String, u16),
    /// In the normal form of requests' paths. Ending in `/`: only what is below; else also the path
    /// itself.
    path: String,
}

impl UriPrefix {
    /// The prefix that is written so.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Odd> {
        let (scheme, authority, rest) = split(text)?;
        if rest.contains(['?', '#']) {
            return Err((
                "has a query or fragment",
                "write scheme, host and path only",
            ));
        }
        if rest.contains('*') {
            return Err((
                "has a *, which is no pattern here",
                "write what all of them begin with",
            ));
        }
        Ok(Self {
            origin: origin(scheme, authority)?,
            path: normal_path(rest)?,
        })
    }

    /// The address, if it lies below; to be asked through this cluster.
    ///
    /// # Errors
    /// Says what is wrong, without the address itself.
    pub(crate) fn endpoint(&self, uri: &str, cluster: &str) -> Result<Endpoint, &'static str> {
        if uri.len() > limits::JWKS_URI_BYTES {
            return Err("is too long");
        }
        let (scheme, authority, rest) =
            split(uri).map_err(|_| "is no http or https URI without user information")?;
        if rest.contains('#') {
            return Err("has a fragment");
        }
        let origin = origin(scheme, authority).map_err(|_| "names no valid host and port")?;
        let path = rest.split('?').next().unwrap_or_default();
        let normal = normal_path(path).map_err(|_| "has a path that servers read differently")?;
        if origin != self.origin || !self.covers(&normal) {
            return Err("does not lie below jwks_uri_prefix");
        }
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Ok(Endpoint {
            scheme: scheme.to_owned(),
            authority: authority.to_ascii_lowercase(),
            path: [slash, rest].concat(),
            cluster: cluster.to_owned(),
        })
    }

    fn covers(&self, normal: &str) -> bool {
        normal.strip_prefix(&*self.path).is_some_and(|rest| {
            self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        })
    }
}

/// Scheme, host and port in the one spelling that is compared.
fn origin(scheme: &str, authority: &str) -> Result<(String, String, u16), Odd> {
    let (host, port) = host_and_port(authority)?;
    let default = if scheme == "http" { 80 } else { 443 };
    let port = port.unwrap_or(default);
    Ok((scheme.to_owned(), host.to_ascii_lowercase(), port))
}

fn normal_path(path: &str) -> Result<String, Odd> {
    let path = if path.is_empty() { "/" } else { path };
    let normal = path::normalise(path.as_bytes(), PathPolicy::default());
    normal.map(Cow::into_owned).map_err(|_| {
        (
            "has a path that servers read differently",
            "write it without dot segments, //, ; and encoded slashes",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(prefix: &str, uri: &str) -> Option<&'static str> {
        let prefix = UriPrefix::parse(prefix).unwrap();
        prefix.endpoint(uri, "id").err()
    }

    #[test]
    fn an_address_below_the_prefix_is_taken_as_it_is_written() {
        for (prefix, uri) in [
            (
                "https://id.example.com/realms/acme/",
                "https://id.example.com/realms/acme/certs",
            ),
            (
                "https://id.example.com/realms/acme",
                "https://id.example.com/realms/acme/certs",
            ),
            (
                "https://id.example.com/certs",
                "https://id.example.com/certs",
            ),
            (
                "https://id.example.com/certs",
                "https://id.example.com/certs?p=sign_in&x=%2F",
            ),
            (
                "https://id.example.com",
                "https://id.example.com/.well-known/jwks.json",
            ),
            ("https://id.example.com/", "https://id.example.com/a%20b"),
            (
                "https://id.example.com/%61/",
                "https://id.example.com/a/certs",
            ),
            (
                "https://id.example.com:443/",
                "https://id.example.com/certs",
            ),
            ("http://[::1]:8080/", "http://[::1]:8080/certs"),
        ] {
            let endpoint = UriPrefix::parse(prefix)
                .unwrap()
                .endpoint(uri, "id")
                .unwrap();
            assert_eq!(endpoint.to_string(), uri);
        }
        let prefix = UriPrefix::parse("https://ID.example.com/").unwrap();
        let endpoint = prefix
            .endpoint("https://id.EXAMPLE.com:443?x", "id")
            .unwrap();
        assert_eq!(
            (&*endpoint.authority, &*endpoint.path),
            ("id.example.com:443", "/?x")
        );
    }

    #[test]
    fn everything_else_is_refused() {
        let prefix = "https://id.example.com/realms/acme/";
        let outside = "does not lie below jwks_uri_prefix";
        let odd_path = "has a path that servers read differently";
        let no_uri = "is no http or https URI without user information";
        for (uri, why) in [
            ("http://id.example.com/realms/acme/certs", outside),
            ("https://id.example.com:8443/realms/acme/certs", outside),
            ("https://evil.example/realms/acme/certs", outside),
            (
                "https://id.example.com.evil.example/realms/acme/certs",
                outside,
            ),
            ("https://xid.example.com/realms/acme/certs", outside),
            ("https://id.example.com/realms/evil/certs", outside),
            ("https://id.example.com/realms/acmeevil/certs", outside),
            ("https://id.example.com/realms/acme", outside),
            ("https://id.example.com/", outside),
            ("https://id.example.com/realms/ACME/certs", outside),
            ("https://id.example.com?/realms/acme/certs", outside),
            ("https://id.example.com/realms/acme/../evil/certs", odd_path),
            (
                "https://id.example.com/realms/acme/%2e%2e/evil/certs",
                odd_path,
            ),
            (
                "https://id.example.com/realms/acme/..%2fevil/certs",
                odd_path,
            ),
            (
                "https://id.example.com/realms/acme/..;/evil/certs",
                odd_path,
            ),
            ("https://id.example.com/realms/acme//certs", odd_path),
            ("https://id.example.com/realms/acme/%00", odd_path),
            ("https://id.example.com/realms/acme/%zz", odd_path),
            ("https://id.example.com/realms/acme/..\\evil", no_uri),
            (
                "https://id.example.com@evil.example/realms/acme/certs",
                no_uri,
            ),
            ("https://user:pass@id.example.com/realms/acme/certs", no_uri),
            ("https://id.example.com/realms/acme/cer ts", no_uri),
            ("https://id.example.com/realms/acme/certs\r\nx: y", no_uri),
            ("HTTPS://id.example.com/realms/acme/certs", no_uri),
            ("file:///realms/acme/certs", no_uri),
            ("//id.example.com/realms/acme/certs", no_uri),
            ("", no_uri),
            ("https:///realms/acme/certs", "names no valid host and port"),
            (
                "https://id.example.com./realms/acme/certs",
                "names no valid host and port",
            ),
            (
                "https://id.example.com:0443/realms/acme/certs",
                "names no valid host and port",
            ),
            (
                "https://id.example.com/realms/acme/certs#x",
                "has a fragment",
            ),
        ] {
            assert_eq!(refusal(prefix, uri), Some(why), "{uri}");
        }
        let long = format!("{prefix}{}", "x".repeat(limits::JWKS_URI_BYTES));
        assert_eq!(refusal(prefix, &long), Some("is too long"));
        let whole_segments = "https://id.example.com/realms/acme";
        assert_eq!(
            refusal(whole_segments, "https://id.example.com/realms/acme2"),
            Some(outside)
        );
    }
}
