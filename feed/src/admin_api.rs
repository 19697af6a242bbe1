//! Keycloak's admin API, asked by an account of its own that may only read.

use std::{path::Path, time::Duration};

use passgate_core::Json;

use crate::{
    client::{Failed, Token, no_answer, read},
    config::{HttpUri, Shows},
    fetch::{Failure, Way},
};

/// The admin API of one realm.
pub(crate) struct AdminApi {
    way: Way,
    /// What we show there.
    token: tokio::sync::Mutex<Token>,
    /// Most that one question may take.
    timeout: Duration,
}

impl AdminApi {
    /// The realm at this place, which is asked with this account.
    pub(crate) fn of(
        admin_uri: &HttpUri,
        shows: &Shows,
        trusted_ca: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        Ok(Self {
            way: Way::to(admin_uri, trusted_ca)?,
            token: tokio::sync::Mutex::new(Token::of(shows, trusted_ca)?),
            timeout,
        })
    }

    /// What is at this path, of so many bytes at most. `None`: nothing is. `role`: what the account
    /// must have there.
    pub(crate) async fn get(
        &self,
        path: &str,
        most: usize,
        role: &str,
    ) -> Result<Option<Json>, Failed> {
        let mut is_again = false;
        loop {
            let authorization = self.token.lock().await.get(self.timeout).await?;
            let came = self.way.get(path, &authorization, (most, self.timeout));
            let came = came.await.map_err(no_answer)?;
            match came.status {
                404 => return Ok(None),
                // Whoever ends all sessions of a realm ends ours, too.
                401 if !is_again => {
                    self.token.lock().await.forget();
                    is_again = true;
                }
                403 => {
                    let why = format!("status 403: the account needs {role} of realm-management");
                    return Err(("status", why));
                }
                200 | 401 | 429 | 503 => return read(&came, most).map(Some),
                status => return Err(("odd", format!("status {status}"))),
            }
        }
    }
}
