//! The host's functions as the shell wants them: bytes, not text, and results instead of panics.
//!
//! The SDK's helpers panic on any unexpected status and on header names that are not UTF-8, and
//! send local replies without details; a panic kills every stream of the worker. So nearly all
//! calls go through [`abi`].

mod abi;

use std::time::Duration;

use passgate_core::{
    AnswerHeader, Connection, Edit, ForeignFunctions, NotShared, SharedData, Stored, UnixTime,
};
use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType},
};

pub(crate) use abi::{HostError, Metric};

/// The headers or trailers of a message, as the host serialised them.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderMap {
    bytes: Vec<u8>,
}

/// Name and value of a header.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

impl HeaderMap {
    /// Reads a map of the effective context.
    pub(crate) fn get(map: MapType) -> Result<Self, HostError> {
        abi::get_header_map_pairs(map).map(|bytes| Self { bytes })
    }

    /// How many bytes it holds.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Names and values. The layout is the count, the lengths of all names and values, then each
    /// name and value followed by a zero byte; all numbers are 32 bits, little-endian.
    pub(crate) fn pairs(&self) -> Result<Vec<Pair<'_>>, HostError> {
        if self.bytes.is_empty() {
            return Ok(Vec::new());
        }
        self.read_pairs().ok_or(HostError)
    }

    fn read_pairs(&self) -> Option<Vec<Pair<'_>>> {
        let (count, rest) = take_number(&self.bytes)?;
        let (mut lengths, mut rest) = rest.split_at_checked(count.checked_mul(8)?)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let (name_length, after) = take_number(lengths)?;
            let (value_length, after) = take_number(after)?;
            lengths = after;
            let (name, after) = take_terminated(rest, name_length)?;
            let (value, after) = take_terminated(after, value_length)?;
            rest = after;
            pairs.push((name, value));
        }
        Some(pairs)
    }
}

fn take_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn take_terminated(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((text, rest.split_first()?.1))
}

/// Changes headers or trailers of the effective context.
pub(crate) fn apply<'e>(
    map: MapType,
    edits: impl IntoIterator<Item = &'e Edit>,
) -> Result<(), HostError> {
    for edit in edits {
        match edit {
            Edit::Remove(name) => abi::remove_header_map_value(map, name)?,
            Edit::Set(name, value) => abi::replace_header_map_value(map, name.as_bytes(), value)?,
        }
    }
    Ok(())
}

/// Puts a header into the service's answer, which the effective context has in hand.
pub(crate) fn answer_with(header: &AnswerHeader) -> Result<(), HostError> {
    let (map, name) = (MapType::HttpResponseHeaders, header.name.as_bytes());
    let value = header.value.as_bytes();
    if header.replaces {
        abi::replace_header_map_value(map, name, value)
    } else {
        abi::add_header_map_value(map, name, value)
    }
}

/// The request whose headers are in hand is paused as a whole: its body stays with the host, also
/// where that was told to hand bodies over, and a client that sends more than the host takes waits.
pub(crate) fn hold_whole() {
    abi::hold_whole();
}

/// Lets the paused request of the effective context go on.
pub(crate) fn resume_request() -> Result<(), HostError> {
    abi::continue_request()
}

/// Answers the request of the effective context. `details` is what the host shows as response code
/// details.
pub(crate) fn reply(
    status: u16,
    details: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<(), HostError> {
    abi::send_local_response(status, details, headers, body)
}

/// Makes a stream, or the root, the one that calls are about. An error means that it is gone.
pub(crate) fn set_effective_context(context_id: u32) -> Result<(), HostError> {
    abi::set_effective_context(context_id)
}

/// The time now, if the host has a clock.
pub(crate) fn now() -> Result<UnixTime, HostError> {
    abi::current_time_nanoseconds().map(|nanos| UnixTime::from_millis(nanos / 1_000_000))
}

/// Calls the root's `on_tick` at this period from now on; zero: never.
pub(crate) fn set_tick_period(period: Duration) -> Result<(), HostError> {
    abi::set_tick_period(u32::try_from(period.as_millis()).unwrap_or(u32::MAX))
}

/// Writes to the host's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    abi::log(level, message);
}

/// The functions that Envoy offers by name.
#[derive(Debug)]
pub(crate) struct Functions;

impl ForeignFunctions for Functions {
    fn call(&self, name: &str, argument: &[u8]) -> Option<Vec<u8>> {
        abi::call_foreign_function(name, argument).ok()
    }
}

/// The data that all workers of this proxy share.
#[derive(Debug)]
pub(crate) struct Shared;

impl SharedData for Shared {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        abi::get_shared_data(key).map_err(|_| NotShared)
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        // Envoy compares the number only where there is a value, and zero with nothing. So a number
        // that no value has writes only where there is none.
        let written = abi::set_shared_data(key, value, version.unwrap_or(u32::MAX));
        match written {
            Ok(true) => Ok(Stored::Yes),
            Ok(false) => Ok(Stored::Conflict),
            Err(HostError) => Err(NotShared),
        }
    }
}

/// The connection of the effective context.
#[derive(Debug)]
pub(crate) struct ThisConnection;

impl Connection for ThisConnection {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        // Names of a path are separated by zero bytes.
        let digest = abi::get_property("connection\0sha256_peer_certificate_digest").ok()?;
        let mut bytes = [0; 32];
        let (pairs, []) = digest.as_chunks::<2>() else {
            return None;
        };
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        abi::get_property("connection\0peer_certificate").ok()
    }

    fn mcp(&self, member: &str) -> Option<Vec<u8>> {
        let of_filter = "metadata\0filter_metadata\0envoy.filters.http.mcp\0";
        abi::get_property(&[of_filter, member].concat()).ok()
    }
}

/// The door that the request of the effective context came through: port and filter chain.
pub(crate) fn door() -> Vec<u8> {
    let names = ["destination\0port", "xds\0filter_chain_name"];
    names
        .map(|name| abi::get_property(name).unwrap_or_default())
        .concat()
}

/// Ends the stream of the effective context on both sides.
pub(crate) fn end_stream() -> Result<(), HostError> {
    abi::close_request()
}

/// Bytes that nobody can foretell.
pub(crate) fn random() -> Result<[u8; 32], HostError> {
    abi::random()
}

/// The host's names for this gate: the instance of the filter, and its root, which an instance may
/// share with others.
pub(crate) fn gate() -> String {
    let root = abi::get_property("plugin_root_id").unwrap_or_default();
    format!("{}/{}", plugin_name(), String::from_utf8_lossy(&root))
}

/// The first bytes, at most `max_bytes`, of the answer to an HTTP call.
pub(crate) fn call_response_body(max_bytes: usize) -> Result<Vec<u8>, HostError> {
    abi::get_buffer_bytes(BufferType::HttpCallResponseBody, max_bytes)
}

/// The first bytes, at most `max_bytes`, of the request's body, which the host holds for the
/// effective context.
pub(crate) fn request_body(max_bytes: usize) -> Result<Vec<u8>, HostError> {
    abi::get_buffer_bytes(BufferType::HttpRequestBody, max_bytes)
}

/// The plugin's configuration.
pub(crate) fn configuration(max_bytes: usize) -> Result<Vec<u8>, HostError> {
    abi::get_buffer_bytes(BufferType::PluginConfiguration, max_bytes)
}

/// Starts an HTTP call through a cluster of the host; the root gets the answer under the returned
/// number. The SDK's helper is used here because the SDK routes the answer.
pub(crate) fn dispatch_http_call(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: &[u8],
    timeout: Duration,
) -> Result<u32, HostError> {
    let body = (!body.is_empty()).then_some(body);
    hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout)
        .map_err(|_| HostError)
}

/// A metric of this name, which all workers share.
pub(crate) fn define_metric(metric: Metric, name: &str) -> Result<u32, HostError> {
    abi::define_metric(metric, name)
}

/// Adds to a metric; only a gauge takes what is negative.
pub(crate) fn add(metric: u32, offset: i64) {
    abi::add_to_metric(metric, offset);
}

/// Sets a gauge.
pub(crate) fn record(gauge: u32, value: u64) {
    abi::record_metric(gauge, value);
}

/// The host's name for this instance of the filter; empty where it has none.
pub(crate) fn plugin_name() -> String {
    let name = abi::get_property("plugin_name").unwrap_or_default();
    String::from_utf8_lossy(&name).into_owned()
}

/// Hands a text to the access log under this name; Envoy keeps it as filter state. It is never read
/// back.
pub(crate) fn set_property(name: &str, value: &str) -> Result<(), HostError> {
    abi::set_property(name, value)
}
