//! The WebAuthn ceremonies, by `webauthn_rp`: this file chooses options, keeps what must be kept,
//! and judges nothing itself.

use super::jwk;
use hyper::StatusCode;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    CredProtect, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle64,
    Username,
};
use webauthn_rp::request::{
    AsciiDomain, ExtensionInfo, FixedCapHashSet, InsertResult, RpId, UserVerificationRequirement,
};
use webauthn_rp::response::Backup;
use webauthn_rp::response::auth::AuthenticatorData;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication64, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
};

/// The people of the provider, their passkeys, and the ceremonies that are under way.
pub(super) struct Passkeys {
    rp_id: RpId,
    origin: String,
    state: Mutex<State>,
}

struct State {
    registrations: FixedCapHashSet<RegistrationServerState<64>>,
    sign_ins: FixedCapHashSet<DiscoverableAuthenticationServerState>,
    /// By credential id.
    passkeys: HashMap<Vec<u8>, Passkey>,
}

struct Passkey {
    /// Of the account, which has this one passkey.
    name: String,
    user: UserHandle64,
    /// Key and extensions, in the library's own encoding.
    fixed: Vec<u8>,
    /// The key, as a JWK.
    public_key: Value,
    dynamic: DynamicState,
}

/// What a sign-in asks of the user.
#[derive(Clone, Copy)]
pub(super) enum Effort {
    /// A PIN or biometric, whatever it takes.
    Verified,
    /// A PIN or biometric where the authenticator can.
    Usual,
    /// As little as the authenticator permits.
    Touch,
}

/// A finished sign-in, with the flags that the authenticator signed (WebAuthn section 6.1).
pub(super) struct SignIn {
    pub(super) name: String,
    /// Of the passkey.
    pub(super) id: Vec<u8>,
    /// Of the passkey, as a JWK.
    pub(super) public_key: Value,
    pub(super) user_verified: bool,
    pub(super) backup_eligible: bool,
    pub(super) backed_up: bool,
}

/// Why the provider does not go on, for the person at the page.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl Passkeys {
    pub(super) fn new(rp_id: &str, origin: String) -> Result<Self, String> {
        let domain = AsciiDomain::try_from(rp_id.to_owned())
            .map_err(|error| format!("{rp_id} is not an RP ID: {error}"))?;
        let state = State {
            registrations: FixedCapHashSet::new(MOST_CEREMONIES),
            sign_ins: FixedCapHashSet::new(MOST_CEREMONIES),
            passkeys: HashMap::new(),
        };
        Ok(Self {
            rp_id: RpId::Domain(domain),
            origin,
            state: Mutex::new(state),
        })
    }

    /// Options for `navigator.credentials.create` (`PublicKeyCredentialCreationOptionsJSON`). An
    /// account has one passkey: when the name is taken, the options carry the next free one.
    pub(super) fn start_registration(&self, name: &str) -> Result<Value, Refused> {
        let mut state = self.state();
        if state.passkeys.len() >= MOST_PASSKEYS {
            return Err(Refused::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no room for more passkeys; start the demo anew",
            ));
        }
        let name = state.free_name(checked(name)?);
        let user = UserHandle64::new();
        let entity = PublicKeyCredentialUserEntity {
            name: Username::try_from(name.as_str())
                .map_err(|error| Refused::bad(error.to_string()))?,
            id: &user,
            display_name: None,
        };
        let mut options =
            PublicKeyCredentialCreationOptions::passkey(&self.rp_id, entity, Vec::new());
        options.authenticator_selection.user_verification = UserVerificationRequirement::Preferred;
        // Said because some browsers else choose for us that each use needs verification, and
        // "touch only" would not be.
        options.extensions.cred_protect =
            CredProtect::UserVerificationOptional(ExtensionInfo::AllowDontEnforceValue);
        let (server, client) = options
            .start_ceremony()
            .map_err(|error| Refused::bad(error.to_string()))?;
        kept(state.registrations.insert_or_replace_all_expired(server))?;
        serde_json::to_value(&client).map_err(|error| Refused::bad(error.to_string()))
    }

    /// Verifies the answer to those options (`RegistrationResponseJSON`, WebAuthn section 7.1) and
    /// keeps the passkey. Returns the account's name.
    pub(super) fn finish_registration(
        &self,
        name: &str,
        credential: &Value,
    ) -> Result<String, Refused> {
        let json = credential.to_string();
        let response = Registration::from_json_relaxed(json.as_bytes())
            .map_err(|error| Refused::bad(format!("no registration: {error}")))?;
        let challenge = response
            .challenge_relaxed()
            .map_err(|error| Refused::bad(format!("no challenge: {error}")))?;
        let mut state = self.state();
        let ceremony = state.registrations.take(&challenge).ok_or(unknown())?;
        let origins = [self.origin.as_str()];
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false, // browsers and security keys add their own
            ..RegistrationVerificationOptions::default()
        };
        let registered = ceremony
            .verify(&self.rp_id, &response, &options)
            .map_err(|error| Refused::bad(format!("the registration is not good: {error}")))?;
        let name = checked(name)?;
        let id = registered.id().as_ref().to_vec();
        if state.passkeys.contains_key(&id) || state.is_taken(name) {
            let message = format!("{name} has been registered meanwhile");
            return Err(Refused::new(StatusCode::CONFLICT, message));
        }
        let public_key = jwk::of(registered.static_state().credential_public_key);
        let fixed = registered.static_state().encode();
        let passkey = Passkey {
            name: name.to_owned(),
            user: *registered.user_id(),
            fixed: fixed.map_err(|error| Refused::bad(format!("{error:?}")))?,
            public_key,
            dynamic: registered.dynamic_state(),
        };
        state.passkeys.insert(id, passkey);
        Ok(name.to_owned())
    }

    /// Options for `navigator.credentials.get` (`PublicKeyCredentialRequestOptionsJSON`); the
    /// authenticator says who it is.
    pub(super) fn start_sign_in(&self, effort: Effort) -> Result<Value, Refused> {
        if self.state().passkeys.is_empty() {
            let message = "nobody has a passkey here yet. Register one first, in step 1.";
            return Err(Refused::new(StatusCode::NOT_FOUND, message));
        }
        let mut options = DiscoverableCredentialRequestOptions::passkey(&self.rp_id);
        options.0.user_verification = match effort {
            Effort::Verified => UserVerificationRequirement::Required,
            Effort::Usual => UserVerificationRequirement::Preferred,
            Effort::Touch => UserVerificationRequirement::Discouraged,
        };
        let (server, client) = options
            .start_ceremony()
            .map_err(|error| Refused::bad(error.to_string()))?;
        let mut state = self.state();
        kept(state.sign_ins.insert_or_replace_all_expired(server))?;
        serde_json::to_value(&client).map_err(|error| Refused::bad(error.to_string()))
    }

    /// Verifies the answer to those options (`AuthenticationResponseJSON`, WebAuthn section 7.2).
    pub(super) fn finish_sign_in(&self, credential: &Value) -> Result<SignIn, Refused> {
        let json = credential.to_string();
        let response = DiscoverableAuthentication64::from_json_relaxed(json.as_bytes())
            .map_err(|error| Refused::bad(format!("no sign-in: {error}")))?;
        let challenge = response
            .challenge_relaxed()
            .map_err(|error| Refused::bad(format!("no challenge: {error}")))?;
        let mut state = self.state();
        let ceremony = state.sign_ins.take(&challenge).ok_or(unknown())?;
        let id = response.raw_id();
        let passkey = state.passkeys.get_mut(id.as_ref()).ok_or_else(|| {
            let message = "this passkey is not known here: the demo forgets them when it ends. Register a new one.";
            Refused::new(StatusCode::NOT_FOUND, message)
        })?;
        let fixed = StaticState::<CompressedPubKey<_, _, _, _>>::decode(&passkey.fixed)
            .map_err(|error| Refused::bad(error.to_string()))?;
        let mut stored = AuthenticatedCredential::new(id, &passkey.user, fixed, passkey.dynamic)
            .map_err(|error| Refused::bad(error.to_string()))?;
        let origins = [self.origin.as_str()];
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        ceremony
            .verify(&self.rp_id, &response, &mut stored, &options)
            .map_err(|error| Refused::bad(format!("the sign-in is not good: {error}")))?;
        passkey.dynamic = stored.dynamic_state();
        // Of this ceremony, and verified with it: the state above remembers only that a user was
        // verified once.
        let data = AuthenticatorData::try_from(response.response().authenticator_data())
            .map_err(|error| Refused::bad(error.to_string()))?;
        let flags = data.flags();
        Ok(SignIn {
            name: passkey.name.clone(),
            id: id.as_ref().to_vec(),
            public_key: passkey.public_key.clone(),
            user_verified: flags.user_verified,
            backup_eligible: flags.backup != Backup::NotEligible,
            backed_up: flags.backup == Backup::Exists,
        })
    }

    /// Forgets the passkey of this person; returns its id.
    pub(super) fn remove(&self, name: &str) -> Option<Vec<u8>> {
        let mut state = self.state();
        let mut passkeys = state.passkeys.iter();
        let (id, _) = passkeys.find(|(_, passkey)| passkey.name == name)?;
        let id = id.clone();
        state.passkeys.remove(&id);
        Some(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_taken(&self, name: &str) -> bool {
        let mut passkeys = self.passkeys.values();
        passkeys.any(|passkey| passkey.name == name)
    }

    fn free_name(&self, name: &str) -> String {
        let numbered = (2..).map(|number: usize| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names
            .find(|name| !self.is_taken(name))
            .unwrap_or_else(|| name.to_owned())
    }
}

/// A name becomes the `sub` of tokens and is shown in headers: short and plain.
fn checked(name: &str) -> Result<&str, Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=32).contains(&name.len()) && name.chars().all(plain) {
        Ok(name)
    } else {
        let message = "a name has 1 to 32 letters, digits, dots, hyphens or underscores";
        Err(Refused::bad(message))
    }
}

fn kept(result: InsertResult) -> Result<(), Refused> {
    match result {
        InsertResult::Success => Ok(()),
        InsertResult::CapacityFull | InsertResult::Duplicate => Err(Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many ceremonies are under way; try again in some minutes",
        )),
    }
}

fn unknown() -> Refused {
    Refused::bad(
        "this ceremony is not known: it was used already, or took longer than five minutes",
    )
}

/// Both are bounds on memory; a ceremony is forgotten after five minutes.
const MOST_CEREMONIES: usize = 1_000;
const MOST_PASSKEYS: usize = 1_000;
