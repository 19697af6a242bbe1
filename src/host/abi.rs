//! The raw calls of the Proxy-Wasm ABI 0.2.1 that the shell makes itself, and the only unsafe code.
#![expect(
    unsafe_code,
    reason = "the host's functions are foreign functions; each call says why it is sound"
)]

use core::sync::atomic::{AtomicBool, Ordering};

use proxy_wasm::types::{BufferType, LogLevel, MapType};

/// The host refused a call or answered what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError;

/// `WasmResult::Ok`; every other number is an error.
const OK: u32 = 0;
/// `StreamType::HttpRequest`.
const HTTP_REQUEST: u32 = 0;
/// What a metric is; the numbers are those of `MetricType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, message_size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(nanoseconds: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context_id: u32) -> u32;
    fn proxy_continue_stream(stream_type: u32) -> u32;
    fn proxy_close_stream(stream_type: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, data_size: *mut usize) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(
        metric_type: u32,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        data: *const u8,
        data_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        results: *mut *mut u8,
        results_size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
}

unsafe extern "C" {
    /// The SDK's callback for the headers of a request.
    fn proxy_on_request_headers(context_id: u32, headers: usize, ends: bool) -> u32;
}

/// `FilterHeadersStatus::StopAllIterationAndWatermark` of the hosts in C++. The ABI and the SDK know
/// two actions, to continue and to pause. For those hosts a pause is another one
/// (`StopIteration`) if `allow_on_headers_stop_iteration` is set: the filter gets the body, a body
/// that the host's buffer does not hold gets 413, and Envoy 1.36 to 1.38 cut one that is still
/// coming when the headers go on (`a_body_that_is_still_coming_at_the_verdict_…` in
/// `tests/envoy/held.rs`).
const PAUSE_WHOLE: u32 = 4;

/// Whether the request whose headers are in hand is paused as a whole.
static IS_WHOLE: AtomicBool = AtomicBool::new(false);

pub(crate) fn hold_whole() {
    IS_WHOLE.store(true, Ordering::Relaxed);
}

/// The callback that the host calls: `passgate-module finish` exports it under the name of the
/// SDK's.
#[unsafe(no_mangle)]
extern "C" fn passgate_on_request_headers(context_id: u32, headers: usize, ends: bool) -> u32 {
    // SAFETY: the SDK's callback takes these numbers and no memory.
    let action = unsafe { proxy_on_request_headers(context_id, headers, ends) };
    if IS_WHOLE.swap(false, Ordering::Relaxed) {
        PAUSE_WHOLE
    } else {
        action
    }
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, size: usize) -> u32;
}

/// `WasmResult::NotFound`.
const NOT_FOUND: u32 = 1;
/// `WasmResult::CasMismatch`.
const CAS_MISMATCH: u32 = 8;

const fn check(status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError) }
}

/// Numbers of the SDK's enumerations, which are those of the ABI.
#[expect(
    clippy::as_conversions,
    reason = "the enumeration is declared with repr(u32)"
)]
const fn map_number(map: MapType) -> u32 {
    map as u32
}

/// Takes over a buffer that the host allocated through the module's allocation callback.
///
/// # Safety
/// `data` must be null, or come from the SDK's `proxy_on_memory_allocate` with exactly `size`
/// bytes, and be used once.
unsafe fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the SDK allocates a `Vec<u8>` of this capacity and gives it away; the host has filled
    // it.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

pub(crate) fn log(level: LogLevel, message: &str) {
    #[expect(
        clippy::as_conversions,
        reason = "the enumeration is declared with repr(u32)"
    )]
    let level = level as u32;
    // SAFETY: the host reads `message` during the call only. There is nobody to tell when logging
    // fails.
    let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

pub(crate) fn current_time_nanoseconds() -> Result<u64, HostError> {
    let mut nanoseconds = 0;
    // SAFETY: the host writes one u64 during the call.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut nanoseconds) })?;
    Ok(nanoseconds)
}

pub(crate) fn set_tick_period(milliseconds: u32) -> Result<(), HostError> {
    // SAFETY: takes no memory.
    check(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

pub(crate) fn set_effective_context(context_id: u32) -> Result<(), HostError> {
    // SAFETY: takes no memory.
    check(unsafe { proxy_set_effective_context(context_id) })
}

pub(crate) fn continue_request() -> Result<(), HostError> {
    // SAFETY: takes no memory.
    check(unsafe { proxy_continue_stream(HTTP_REQUEST) })
}

pub(crate) fn close_request() -> Result<(), HostError> {
    // SAFETY: takes no memory.
    check(unsafe { proxy_close_stream(HTTP_REQUEST) })
}

pub(crate) fn get_buffer_bytes(buffer: BufferType, max_size: usize) -> Result<Vec<u8>, HostError> {
    #[expect(
        clippy::as_conversions,
        reason = "the enumeration is declared with repr(u32)"
    )]
    let buffer = buffer as u32;
    let (mut data, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size during the call.
    check(unsafe { proxy_get_buffer_bytes(buffer, 0, max_size, &raw mut data, &raw mut size) })?;
    // SAFETY: the host allocated `data` for us, and we take it once.
    Ok(unsafe { take(data, size) })
}

pub(crate) fn get_header_map_pairs(map: MapType) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the host writes a pointer and a size during the call.
    check(unsafe { proxy_get_header_map_pairs(map_number(map), &raw mut data, &raw mut size) })?;
    // SAFETY: the host allocated `data` for us, and we take it once.
    Ok(unsafe { take(data, size) })
}

pub(crate) fn remove_header_map_value(map: MapType, name: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `name` during the call only.
    check(unsafe { proxy_remove_header_map_value(map_number(map), name.as_ptr(), name.len()) })
}

pub(crate) fn replace_header_map_value(
    map: MapType,
    name: &[u8],
    value: &[u8],
) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call only.
    check(unsafe {
        proxy_replace_header_map_value(
            map_number(map),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

pub(crate) fn add_header_map_value(
    map: MapType,
    name: &[u8],
    value: &[u8],
) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call only.
    check(unsafe {
        proxy_add_header_map_value(
            map_number(map),
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

/// The value and its version; `None`: there is none.
pub(crate) fn get_shared_data(key: &str) -> Result<Option<(Vec<u8>, u32)>, HostError> {
    let (mut data, mut size, mut version) = (core::ptr::null_mut(), 0, 0);
    // SAFETY: the host reads `key` and writes a pointer, a size and a number during the call.
    let status = unsafe {
        proxy_get_shared_data(
            key.as_ptr(),
            key.len(),
            &raw mut data,
            &raw mut size,
            &raw mut version,
        )
    };
    if status == NOT_FOUND {
        return Ok(None);
    }
    check(status)?;
    // SAFETY: the host allocated `data` for us, and we take it once.
    Ok(Some((unsafe { take(data, size) }, version)))
}

/// Whether the value was written: it was not where the one there is of another version.
pub(crate) fn set_shared_data(key: &str, value: &[u8], version: u32) -> Result<bool, HostError> {
    // SAFETY: the host reads key and value during the call only.
    let status = unsafe {
        proxy_set_shared_data(
            key.as_ptr(),
            key.len(),
            value.as_ptr(),
            value.len(),
            version,
        )
    };
    if status == CAS_MISMATCH {
        return Ok(false);
    }
    check(status).map(|()| true)
}

/// From the host's random source.
pub(crate) fn random() -> Result<[u8; 32], HostError> {
    let mut bytes = [0; 32];
    // SAFETY: the host writes as many bytes as there are, during the call. Zero is success here,
    // too.
    check(unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) })?;
    Ok(bytes)
}

pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Result<(), HostError> {
    /// No gRPC status of our own: the host makes one from the HTTP status where the client speaks
    /// gRPC.
    const NO_GRPC_STATUS: i32 = -1;
    let headers = serialise(headers)?;
    // SAFETY: the host reads all four during the call only.
    check(unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// The layout of a header map on its way to the host: see [`super::HeaderMap::pairs`].
fn serialise(headers: &[(&str, String)]) -> Result<Vec<u8>, HostError> {
    let number = |n: usize| {
        u32::try_from(n)
            .map(u32::to_le_bytes)
            .map_err(|_| HostError)
    };
    let mut bytes = number(headers.len())?.to_vec();
    for (name, value) in headers {
        bytes.extend(number(name.len())?);
        bytes.extend(number(value.len())?);
    }
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

pub(crate) fn define_metric(metric: Metric, name: &str) -> Result<u32, HostError> {
    let metric = match metric {
        Metric::Counter => 0,
        Metric::Gauge => 1,
    };
    let mut id = 0;
    // SAFETY: the host reads `name` and writes one u32 during the call.
    check(unsafe { proxy_define_metric(metric, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

pub(crate) fn add_to_metric(id: u32, offset: i64) {
    // SAFETY: takes no memory. A lost count is not worth a request.
    let _ = unsafe { proxy_increment_metric(id, offset) };
}

pub(crate) fn record_metric(id: u32, value: u64) {
    // SAFETY: takes no memory. A lost value is not worth a request.
    let _ = unsafe { proxy_record_metric(id, value) };
}

pub(crate) fn get_property(name: &str) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the host reads `name` and writes a pointer and a size during the call.
    check(unsafe { proxy_get_property(name.as_ptr(), name.len(), &raw mut data, &raw mut size) })?;
    // SAFETY: the host allocated `data` for us, and we take it once.
    Ok(unsafe { take(data, size) })
}

pub(crate) fn set_property(name: &str, value: &str) -> Result<(), HostError> {
    // SAFETY: the host reads both during the call only.
    check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

pub(crate) fn call_foreign_function(name: &str, argument: &[u8]) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (core::ptr::null_mut(), 0);
    // SAFETY: the host reads name and argument, and writes a pointer and a size, during the call.
    check(unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            &raw mut data,
            &raw mut size,
        )
    })?;
    // SAFETY: the host allocated `data` for us, and we take it once.
    Ok(unsafe { take(data, size) })
}
