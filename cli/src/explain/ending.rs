//! What ends the authority of a token before `exp`, as far as it can be asked at a command line.

use std::ffi::OsStr;

use passgate_core::{Provider, Supply, UnixTime};

use crate::files::bytes_of;

/// Gives the list of a file to the supply, and says what was asked and what was not.
pub(super) fn given(
    (file, now): (Option<&OsStr>, UnixTime),
    provider: Option<&Provider>,
    supply: &mut Supply,
) -> Result<String, String> {
    supply.ask_no_lists();
    let mut text = String::new();
    let Some(provider) = provider else {
        return Ok(text);
    };
    match (file, &provider.revocations) {
        (Some(file), _) => {
            let given = supply.give_revocations(&provider.name, bytes_of(file)?, now);
            let given = given.map_err(|why| {
                let file = file.to_string_lossy();
                format!("passgate: {file}: at the gate this list is not put in force: {why}\n")
            })?;
            text += &format!("revocations: {given}\n");
        }
        (None, Some(_)) => {
            text += "revocations: NOT ASKED; give the list with --revocations FILE\n";
        }
        (None, None) => {}
    }
    if provider.status_lists.is_some() {
        text += "status lists: NOT ASKED; what follows holds only if the status is valid\n";
    }
    Ok(text)
}
