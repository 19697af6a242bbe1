//! `passgate print`: the configuration in a file as the JSON that Envoy's `StringValue` wants.

use std::ffi::OsStr;

use passgate_core::{Json, limits};

use crate::check;

/// The JSON on one line, or what is wrong with it.
pub(crate) fn json(name: &OsStr) -> Result<check::Report, String> {
    let bytes = check::only_configuration(name)?;
    if let Err(problems) = crate::parse(&bytes) {
        let lines = problems.iter().map(|problem| format!("{problem}\n"));
        return Err(format!("passgate: refused\n{}", lines.collect::<String>()));
    }
    let json =
        Json::parse(&bytes, limits::DOCUMENT_JSON_NODES).map_err(|error| format!("{error}\n"))?;
    Ok(check::Report {
        text: format!("{json}\n"),
        accepted: true,
    })
}
