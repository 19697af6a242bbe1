//! Gates that look after each other's open streams: of one name, behind one port, in chains that
//! no name tells apart. The newer one judges the streams of both (`docs/revocation.md`), whatever
//! its rules are about.

use passgate_core::{Config, Json};

use crate::{
    off::each,
    sign::{elements, member},
};

/// A filter, as the host names it to the module.
struct Gate<'j> {
    place: String,
    /// Its name, that of its root, and its machine.
    named: [Option<&'j Json>; 3],
    configuration: Option<&'j Json>,
}

/// Where requests come to a filter: what the module can see of it.
#[derive(PartialEq, Eq)]
struct Door {
    port: String,
    chain: String,
}

/// The place of another filter that the module takes for the one at this place, with a
/// configuration of its own.
pub(crate) fn twin(document: &Json, place: &str) -> Option<String> {
    let (mut gates, mut listeners) = (Vec::new(), Vec::new());
    each(document, "", &mut |object, place| {
        if let Some(vm) = member(object, ["vm_config", "vmConfig"]) {
            let root = member(object, ["root_id", "rootId"]);
            gates.push(Gate {
                place: place.to_owned(),
                named: [object.get("name"), root, Some(vm)],
                configuration: object.get("configuration"),
            });
        }
        if member(object, CHAINS).is_some() || member(object, DEFAULT).is_some() {
            listeners.push((object, place.to_owned()));
        }
    });
    let door = |gate: &Gate<'_>| {
        let mut around = listeners.iter().rev();
        around.find_map(|(listener, place)| door(listener, gate.place.strip_prefix(&**place)?))
    };
    let mut all = gates.iter();
    let own = all.find(|gate| place.strip_prefix(&*gate.place) == Some(".configuration"))?;
    let behind = door(own)?;
    let is_twin = |other: &&Gate<'_>| {
        other.named == own.named
            && other.configuration != own.configuration
            && door(other).as_ref() == Some(&behind)
    };
    gates.iter().find(is_twin).map(|twin| twin.place.clone())
}

const CHAINS: [&str; 2] = ["filter_chains", "filterChains"];
const DEFAULT: [&str; 2] = ["default_filter_chain", "defaultFilterChain"];

/// The door of a filter in this listener; `rest`: its place in there.
fn door(listener: &Json, rest: &str) -> Option<Door> {
    let rest = rest.trim_start_matches('.');
    let by_index = || {
        let mut names = CHAINS.iter();
        let rest = names.find_map(|name| rest.strip_prefix(name))?;
        let (index, _) = rest.strip_prefix('[')?.split_once(']')?;
        elements(member(listener, CHAINS)).get(index.parse::<usize>().ok()?)
    };
    let is_default = || DEFAULT.iter().any(|name| rest.starts_with(name));
    let chain = by_index().or_else(|| member(listener, DEFAULT).filter(|_| is_default()))?;
    let socket = member(
        listener.get("address")?,
        ["socket_address", "socketAddress"],
    )?;
    let name = chain.get("name").and_then(Json::as_str);
    Some(Door {
        port: member(socket, ["port_value", "portValue"])?.to_string(),
        chain: name.unwrap_or_default().to_owned(),
    })
}

/// What follows, where some stream is looked after.
pub(crate) fn told(twin: &str, config: &Config) -> Option<String> {
    let mut rules = config.rules().into_iter().flatten();
    let ends = config.ends_streams() || rules.any(|rule| rule.ends_streams == Some(true));
    ends.then(|| format!("{twin}: has the name of this filter, too, behind the same port, in a chain of the same name or without one: the newer of the two judges the open streams of both by its own rules; give the filters, or the chains, different names"))
}
