//! `passgate print`: the configuration in a file as the JSON that Envoy's `StringValue` wants,
//! without its tests.

use std::ffi::OsStr;

use passgate_core::{Json, limits};

use crate::{find, report::Report};

/// The JSON on one line, or what is wrong with it.
pub(crate) fn json(name: &OsStr) -> Result<Report, String> {
    let bytes = find::only_configuration(name)?;
    if let Err(problems) = crate::parse(&bytes) {
        let lines = problems.iter().map(|problem| format!("{problem}\n"));
        return Err(format!("passgate: refused\n{}", lines.collect::<String>()));
    }
    let mut json =
        Json::parse(&bytes, limits::DOCUMENT_JSON_NODES).map_err(|error| format!("{error}\n"))?;
    if let Json::Object(members) = &mut json {
        members.retain(|(name, _)| **name != *"tests");
    }
    Ok(Report {
        text: format!("{json}\n"),
        accepted: true,
    })
}
