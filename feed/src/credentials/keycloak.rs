//! What a Keycloak says of a person's passkeys (`GET /admin/realms/REALM/users/ID/credentials`), in
//! the form that gates read.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL},
};
use passgate_core::{Json, limits, read_cose_key};
use serde_json::{Map, Value, json};

/// What a person has.
#[derive(Debug, PartialEq)]
pub(super) struct Passkeys {
    pub(super) entries: Vec<Value>,
    /// Passkeys of the person that no gate could read, or that are too many.
    pub(super) skipped: usize,
}

/// The types of credentials that are WebAuthn's.
const TYPES: [&str; 2] = ["webauthn", "webauthn-passwordless"];
/// Members and elements of what Keycloak keeps of one passkey.
const NODES: usize = 256;

/// The passkeys of this person. `None`: it is not what Keycloak answers. A person who is disabled
/// has disabled ones.
pub(super) fn read(subject: &str, user: &Json, credentials: &Json) -> Option<Passkeys> {
    let is_disabled = match user.get("enabled") {
        Some(Json::Bool(enabled)) => !enabled,
        _ => return None,
    };
    let Json::Array(all) = credentials else {
        return None;
    };
    let is_passkey = |credential: &&Json| {
        let kind = credential.get("type").and_then(Json::as_str);
        kind.is_some_and(|kind| TYPES.contains(&kind))
    };
    let mut passkeys = Passkeys {
        entries: Vec::new(),
        skipped: 0,
    };
    for credential in all.iter().filter(is_passkey) {
        match entry(credential, subject, is_disabled) {
            Some(entry) if passkeys.entries.len() < limits::CREDENTIALS_OF_SUBJECT => {
                passkeys.entries.push(entry);
            }
            _ => passkeys.skipped = passkeys.skipped.saturating_add(1),
        }
    }
    Some(passkeys)
}

/// `credentialData` is a string of JSON: the id in base64, the COSE key in base64url, the AAGUID.
/// Keycloak does not keep the backup flags.
fn entry(credential: &Json, subject: &str, is_disabled: bool) -> Option<Value> {
    let data = credential.get("credentialData")?.as_str()?;
    let data = Json::parse(data.as_bytes(), NODES).ok()?;
    let text = |name: &str| data.get(name).and_then(Json::as_str);
    let id = BASE64_STANDARD.decode(text("credentialId")?).ok()?;
    let key = BASE64URL.decode(text("credentialPublicKey")?).ok()?;
    // A gate would skip it, too.
    read_cose_key(&key).ok()?;
    let mut entry = Map::new();
    let mut set = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
    set("id", BASE64URL.encode(id).into());
    set("cose_key", BASE64URL.encode(key).into());
    if let Some(aaguid) = text("aaguid") {
        set("aaguid", aaguid.into());
    }
    // Keycloak names a person to authenticators by the id that is the `sub` of its tokens. Longer
    // handles are not WebAuthn's (Level 3 section 5.4.3).
    if subject.len() <= 64 {
        set("user_handle", BASE64URL.encode(subject).into());
    }
    if is_disabled {
        set("disabled", json!(true));
    }
    Some(Value::Object(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Keycloak 26.7 said, byte for byte.
    const CREDENTIAL: &str = r#"{"id":"b1fbd0ee-cced-466d-bdab-e6245b9acd29","type":"webauthn-passwordless","userLabel":"67dfb9fd-1a46-437d-a4fe-bb74e7d71e3f","createdDate":1795900902732,"credentialData":"{\"aaguid\":\"01020304-0506-0708-0102-030405060708\",\"credentialId\":\"2IqJN0g8qKtrMBuY3+3m1dQ+MENPzfqyn0B2tu0cVi8=\",\"counter\":1,\"credentialPublicKey\":\"pQECAyYgASFYIAg6sJsdME2iFMpoTZfMXHP2nhcttRjSrJEKwSc3A_KCIlggaPUp1RN8On7Kqe3OmqDCtSofpYoQFufwUhHX4d-l57c\",\"attestationStatementFormat\":\"none\",\"transports\":[\"internal\"]}"}"#;
    const PASSWORD: &str = r#"{"id":"1","type":"password","credentialData":"{}"}"#;
    const ALICE: &str = "63165c4d-79f1-4d51-a8fe-49a26ed27113";

    fn parsed(text: &str) -> Json {
        Json::parse(text.as_bytes(), 10_000).unwrap()
    }

    fn passkeys(enabled: &str, credentials: &[&str]) -> Option<Passkeys> {
        let user = parsed(&format!(r#"{{"enabled":{enabled}}}"#));
        let all = parsed(&format!("[{}]", credentials.join(",")));
        read(ALICE, &user, &all)
    }

    #[test]
    fn what_keycloak_said_is_what_a_gate_reads() {
        let passkeys = passkeys("true", &[PASSWORD, CREDENTIAL]).unwrap();
        let wanted = json!({
            "id": "2IqJN0g8qKtrMBuY3-3m1dQ-MENPzfqyn0B2tu0cVi8",
            "cose_key": "pQECAyYgASFYIAg6sJsdME2iFMpoTZfMXHP2nhcttRjSrJEKwSc3A_KCIlggaPUp1RN8On7Kqe3OmqDCtSofpYoQFufwUhHX4d-l57c",
            "aaguid": "01020304-0506-0708-0102-030405060708",
            // What the authenticator itself said.
            "user_handle": "NjMxNjVjNGQtNzlmMS00ZDUxLWE4ZmUtNDlhMjZlZDI3MTEz",
        });
        assert_eq!(passkeys.entries, [wanted]);
        assert_eq!(passkeys.skipped, 0);
    }

    #[test]
    fn a_person_who_is_disabled_has_disabled_passkeys() {
        let passkeys = passkeys("false", &[CREDENTIAL]).unwrap();
        assert_eq!(passkeys.entries[0]["disabled"], true);
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_spoils_nothing_else() {
        let second_factor = CREDENTIAL.replace("webauthn-passwordless", "webauthn");
        let no_key = CREDENTIAL.replace("pQEC", "pQED");
        let no_id = CREDENTIAL.replace("2IqJ", "2I_J");
        let no_data = CREDENTIAL.replace(r#"\"aaguid\":"#, r#"\"aaguid\""#);
        let all = [CREDENTIAL, &second_factor, &no_key, &no_id, &no_data];
        let read = passkeys("true", &all).unwrap();
        assert_eq!((read.entries.len(), read.skipped), (2, 3));
        let many = vec![CREDENTIAL; limits::CREDENTIALS_OF_SUBJECT + 1];
        let read = passkeys("true", &many).unwrap();
        let numbers = (read.entries.len(), read.skipped);
        assert_eq!(numbers, (limits::CREDENTIALS_OF_SUBJECT, 1));
    }

    #[test]
    fn another_form_is_none() {
        assert_eq!(passkeys("null", &[CREDENTIAL]), None);
        let user = parsed(r#"{"enabled":true}"#);
        assert_eq!(read(ALICE, &user, &parsed("{}")), None);
    }
}
