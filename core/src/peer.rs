//! Who is at the other end of a connection: the SPIFFE ID of the certificate that was shown there
//! (X509-SVID).
//!
//! The host says the certificate. Whether it is to be believed is for the listener to find out,
//! which alone knows the authorities; so a policy has to say that it does.

use crate::{jose, limits, spiffe};

/// Why a connection has no workload, as what would have been one.
pub(crate) type Wanted = &'static str;

const ANY: Wanted = "a client certificate on this connection, which Envoy 1.38 and later tell";
const READABLE: Wanted = "a client certificate that can be read";
const ONE_URI: Wanted = "a client certificate with exactly one URI";
const AN_ID: Wanted = "a client certificate whose URI is the SPIFFE ID of a workload";
const LEAF: Wanted = "a client certificate that is not an authority's";

/// The workload whose certificate this is, in PEM (RFC 7468).
pub(crate) fn workload(pem: Option<Vec<u8>>) -> Result<String, Wanted> {
    let pem = pem.filter(|pem| !pem.is_empty()).ok_or(ANY)?;
    let der = decode(&pem).ok_or(READABLE)?;
    let Svid {
        uri,
        uris,
        is_authority,
    } = Svid::read(&der).ok_or(READABLE)?;
    // X509-SVID section 5.2.
    if is_authority {
        return Err(LEAF);
    }
    if uris != 1 {
        return Err(ONE_URI);
    }
    let id = core::str::from_utf8(uri).map_err(|_| AN_ID)?;
    spiffe::trust_domain(id).ok_or(AN_ID)?;
    Ok(id.to_owned())
}

/// The bytes of the one certificate in this text.
fn decode(pem: &[u8]) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(pem).ok()?.trim_ascii();
    let text = text.strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let text = text.strip_suffix("-----END CERTIFICATE-----")?;
    if text.len() > limits::PEER_CERTIFICATE_BYTES {
        return None;
    }
    let mut url = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\r' | b'\n' | b'=' => {}
            b'+' => url.push('-'),
            b'/' => url.push('_'),
            other => url.push(char::from(other)),
        }
    }
    jose::base64url(&*url)
}

/// What is read of a certificate (RFC 5280 section 4.1).
#[derive(Default)]
struct Svid<'c> {
    /// The last of its URIs.
    uri: &'c [u8],
    uris: usize,
    is_authority: bool,
}

/// Tags of DER (X.690 section 8).
const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// `uniformResourceIdentifier` of a GeneralName (RFC 5280 section 4.2.1.6).
const URI: u8 = 0x86;
/// `extensions` of a TBSCertificate.
const EXTENSIONS: u8 = 0xa3;

/// Extensions by their object identifiers: 2.5.29.15, 17 and 19 (section 4.2.1).
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

impl<'c> Svid<'c> {
    fn read(der: &'c [u8]) -> Option<Self> {
        let mut svid = Self::default();
        let (mut fields, _) = first(SEQUENCE, whole(SEQUENCE, der)?)?;
        while !fields.is_empty() {
            let (tag, content, rest) = element(fields)?;
            if tag == EXTENSIONS {
                let mut extensions = whole(SEQUENCE, content)?;
                while !extensions.is_empty() {
                    let (extension, rest) = first(SEQUENCE, extensions)?;
                    svid.note(extension)?;
                    extensions = rest;
                }
            }
            fields = rest;
        }
        Some(svid)
    }

    fn note(&mut self, extension: &'c [u8]) -> Option<()> {
        let (id, rest) = first(OID, extension)?;
        let value = first(BOOLEAN, rest).map_or(rest, |(_, value)| value);
        let value = whole(OCTET_STRING, value)?;
        match id {
            SUBJECT_ALT_NAME => {
                let mut names = whole(SEQUENCE, value)?;
                while !names.is_empty() {
                    let (tag, name, rest) = element(names)?;
                    if tag == URI {
                        self.uri = name;
                        self.uris = self.uris.saturating_add(1);
                    }
                    names = rest;
                }
            }
            BASIC_CONSTRAINTS => {
                let is_authority = first(BOOLEAN, whole(SEQUENCE, value)?);
                self.is_authority |= is_authority.is_some_and(|(truth, _)| *truth != [0]);
            }
            KEY_USAGE => {
                // keyCertSign and cRLSign are bits 5 and 6, counted from the highest.
                let signs = |bits: &u8| bits & 0b0000_0110 != 0;
                self.is_authority |= whole(BIT_STRING, value)?.get(1).is_some_and(signs);
            }
            _ => {}
        }
        Some(())
    }
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = match bytes {
        [tag, length @ 0..=0x7f, rest @ ..] => (tag, [0, *length], rest),
        [tag, 0x81, length @ 0x80..=0xff, rest @ ..] => (tag, [0, *length], rest),
        [tag, 0x82, high @ 1..=0xff, low, rest @ ..] => (tag, [*high, *low], rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(u16::from_be_bytes(length).into())?;
    Some((*tag, content, rest))
}

/// The same of an element that has this tag.
fn first(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (own, content, rest) = element(bytes)?;
    (own == tag).then_some((content, rest))
}

/// The content of the only element, which has this tag.
fn whole(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    let (content, rest) = first(tag, bytes)?;
    rest.is_empty().then_some(content)
}

#[cfg(test)]
mod tests;
