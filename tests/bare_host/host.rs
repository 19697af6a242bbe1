//! A host of Proxy-Wasm that offers headers, clock, log, configuration and WASI's random source,
//! and answers `Unimplemented` to everything else: no timer, no calls, no metrics, no shared data,
//! no properties.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};
use wasmi::{AsContextMut, Caller, Engine, Error, Instance, Linker, Memory, Module, Store, Val};

/// A header: name and value.
pub type Header = (String, String);

/// What a module sees and does.
#[derive(Default)]
struct State {
    configuration: Vec<u8>,
    /// Of the request in hand.
    headers: Vec<Header>,
    reply: Option<Reply>,
    log: Vec<(u32, String)>,
}

/// What the client gets in place of the service's answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u32,
    pub details: String,
    pub body: String,
}

/// A virtual machine with a configured module.
pub struct Host {
    store: Store<State>,
    instance: Instance,
    next_context: i32,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// It goes on with these headers.
    Passed(Vec<Header>),
    Refused(Reply),
}

/// `WasmResult::Unimplemented`.
const UNIMPLEMENTED: i32 = 12;
const OK: i32 = 0;
/// `BufferType::PluginConfiguration`.
const CONFIGURATION: i32 = 7;
/// `MapType::HttpRequestHeaders`.
const REQUEST_HEADERS: i32 = 0;

const ROOT: i32 = 1;

/// Read and checked once: to interpret it takes a while.
static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let named =
        std::env::var_os("PASSGATE_WASM").expect("PASSGATE_WASM: run `make test-bare-host`");
    let bytes = std::fs::read(Path::new(&named)).expect("the module");
    Module::new(&Engine::default(), bytes).expect("a module")
});

impl Host {
    /// Loads the module and gives it this configuration; the log when it refuses.
    pub fn start(configuration: &str) -> Result<Self, Vec<String>> {
        let mut store = Store::new(MODULE.engine(), State::default());
        let mut linker = Linker::new(MODULE.engine());
        for import in MODULE.imports() {
            let name = import.name().to_owned();
            let function = import.ty().func().expect("a function").clone();
            let call = move |mut caller: Caller<'_, State>, given: &[Val], back: &mut [Val]| {
                let given: Vec<i32> = given.iter().filter_map(Val::i32).collect();
                let status = answer(&mut caller, &name, &given)?;
                if let [back] = back {
                    *back = Val::I32(status);
                }
                Ok(())
            };
            linker
                .func_new(import.module(), import.name(), function, call)
                .expect("each name once");
        }
        let instance = linker.instantiate_and_start(&mut store, &MODULE).unwrap();
        let mut host = Self {
            store,
            instance,
            next_context: ROOT + 1,
        };
        host.call("_initialize", &[]);
        host.call("proxy_on_context_create", &[ROOT, 0]);
        assert_eq!(host.call("proxy_on_vm_start", &[ROOT, 0]), 1);
        host.store.data_mut().configuration = configuration.as_bytes().to_vec();
        let length = i32::try_from(configuration.len()).unwrap();
        match host.call("proxy_on_configure", &[ROOT, length]) {
            0 => Err(host.log()),
            _ => Ok(host),
        }
    }

    /// Calls an export; zero where it gives nothing back.
    fn call(&mut self, name: &str, given: &[i32]) -> i32 {
        let function = self.instance.get_func(&self.store, name);
        let function = function.unwrap_or_else(|| panic!("{name}: not exported"));
        let given: Vec<Val> = given.iter().copied().map(Val::I32).collect();
        let count = function.ty(&self.store).results().len();
        let mut back = vec![Val::I32(0); count];
        let called = function.call(&mut self.store, &given, &mut back);
        called.unwrap_or_else(|error| panic!("{name}: {error}: {:?}", self.store.data().log));
        back.first().and_then(Val::i32).unwrap_or_default()
    }

    /// One request without a body.
    pub fn request(&mut self, headers: &[(&str, &str)]) -> Outcome {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let state = self.store.data_mut();
        state.headers = headers.iter().map(owned).collect();
        state.reply = None;
        let count = i32::try_from(headers.len()).unwrap();
        let context = self.next_context;
        self.next_context += 1;
        self.call("proxy_on_context_create", &[context, ROOT]);
        let action = self.call("proxy_on_request_headers", &[context, count, 1]);
        self.call("proxy_on_delete", &[context]);
        let state = self.store.data_mut();
        match state.reply.take() {
            Some(reply) => Outcome::Refused(reply),
            None => {
                assert_eq!(action, 0, "neither answered nor passed: {:?}", state.log);
                Outcome::Passed(std::mem::take(&mut state.headers))
            }
        }
    }

    /// The lines that were logged.
    pub fn log(&self) -> Vec<String> {
        let lines = self.store.data().log.iter();
        lines.map(|(_, text)| text.clone()).collect()
    }

    /// How many bytes of memory the module has.
    pub fn memory(&self) -> usize {
        let memory = self.instance.get_memory(&self.store, "memory");
        memory.expect("a memory").data_size(&self.store)
    }
}

/// What the host says to a call of the module.
fn answer(caller: &mut Caller<'_, State>, name: &str, given: &[i32]) -> Result<i32, Error> {
    let memory = caller.get_export("memory").and_then(|it| it.into_memory());
    let memory = memory.expect("a memory");
    match (name, given) {
        ("proxy_log", &[level, text, size]) => {
            let text = text_at(caller, memory, text, size);
            caller.data_mut().log.push((level.cast_unsigned(), text));
        }
        ("proxy_get_current_time_nanoseconds", &[back]) => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let nanoseconds = u64::try_from(since.as_nanos()).unwrap();
            put(caller, memory, back, &nanoseconds.to_le_bytes());
        }
        ("proxy_get_buffer_bytes", &[CONFIGURATION, _, most, data, size]) => {
            let mut bytes = caller.data().configuration.clone();
            bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            give(caller, memory, &bytes, data, size)?;
        }
        ("proxy_get_header_map_pairs", &[REQUEST_HEADERS, data, size]) => {
            let bytes = serialised(&caller.data().headers);
            give(caller, memory, &bytes, data, size)?;
        }
        ("proxy_remove_header_map_value", &[REQUEST_HEADERS, name, size]) => {
            let name = text_at(caller, memory, name, size);
            caller
                .data_mut()
                .headers
                .retain(|(other, _)| *other != name);
        }
        ("proxy_replace_header_map_value", &[REQUEST_HEADERS, name, size, value, length]) => {
            let name = text_at(caller, memory, name, size);
            let value = text_at(caller, memory, value, length);
            let headers = &mut caller.data_mut().headers;
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value));
        }
        ("proxy_send_local_response", &[status, details, length, body, size, ..]) => {
            let details = text_at(caller, memory, details, length);
            let body = text_at(caller, memory, body, size);
            let status = status.cast_unsigned();
            caller.data_mut().reply = Some(Reply {
                status,
                details,
                body,
            });
        }
        ("environ_sizes_get", &[count, size]) => {
            put(caller, memory, count, &[0; 4]);
            put(caller, memory, size, &[0; 4]);
        }
        ("environ_get", _) => {}
        // Rust's own maps take it, and every host has it.
        ("random_get", &[at, size]) => {
            let mut bytes = vec![0; usize::try_from(size).unwrap()];
            let mut source = File::open("/dev/urandom").unwrap();
            source.read_exact(&mut bytes).unwrap();
            put(caller, memory, at, &bytes);
        }
        ("proc_exit", _) => return Err(Error::new("the module ended itself")),
        _ => return Ok(UNIMPLEMENTED),
    }
    Ok(OK)
}

fn text_at(caller: &Caller<'_, State>, memory: Memory, at: i32, size: i32) -> String {
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    let at = usize::try_from(at.cast_unsigned()).unwrap();
    memory.read(caller, at, &mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn put(caller: &mut Caller<'_, State>, memory: Memory, at: i32, bytes: &[u8]) {
    let at = usize::try_from(at.cast_unsigned()).unwrap();
    memory.write(caller, at, bytes).unwrap();
}

/// Hands bytes over in memory that the module allocates.
fn give(
    caller: &mut Caller<'_, State>,
    memory: Memory,
    bytes: &[u8],
    data: i32,
    size: i32,
) -> Result<(), Error> {
    let mut at = [Val::I32(0)];
    if !bytes.is_empty() {
        let allocate = caller.get_export("proxy_on_memory_allocate");
        let allocate = allocate.and_then(|it| it.into_func()).expect("exported");
        let length = Val::I32(i32::try_from(bytes.len()).unwrap());
        allocate.call(caller.as_context_mut(), &[length], &mut at)?;
    }
    let at = at[0].i32().unwrap();
    put(caller, memory, at, bytes);
    put(caller, memory, data, &at.to_le_bytes());
    let length = u32::try_from(bytes.len()).unwrap();
    put(caller, memory, size, &length.to_le_bytes());
    Ok(())
}

/// The count, the lengths of all names and values, then each of them followed by a zero.
fn serialised(headers: &[Header]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut bytes = number(headers.len()).to_vec();
    for (name, value) in headers {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}
