//! The requests to try: printed as curl lines, and made once by `--check`.

use crate::Result;
use crate::http;
use crate::ports::Ports;
use crate::upstream::Upstream;
use serde_json::Value;

/// The path that needs no token in `envoy/envoy.yaml`.
pub(crate) const PUBLIC_PATH: &str = "/healthz";

/// A GET request and its answer.
pub(crate) struct Case {
    pub(crate) title: &'static str,
    path: &'static str,
    /// Where the identity provider gives the token. `None`: a request without a token.
    token: Option<&'static str>,
    /// What the client adds.
    headers: &'static [(&'static str, &'static str)],
    answer: Answer,
}

enum Answer {
    /// The request reaches the service: with these headers, or without (`None`).
    Passes(&'static [(&'static str, Option<&'static str>)]),
    /// It does not: the status, and a part of the challenge.
    Refused(u16, Option<&'static str>),
}

/// The story of the demo, in order.
pub(crate) fn all() -> Vec<Case> {
    const SPOOFED: &[(&str, &str)] = &[("x-user", "admin"), ("x_user", "admin")];
    const ALICE: Answer = Answer::Passes(&[
        ("x-user", Some("alice")),
        ("x_user", None),
        ("authorization", None),
    ]);
    let case = |title, path, token, headers, answer| Case {
        title,
        path,
        token,
        headers,
        answer,
    };
    vec![
        case(
            "no token",
            "/account",
            None,
            &[],
            Answer::Refused(401, Some("Bearer realm=")),
        ),
        case("a good token", "/account", Some("/token"), &[], ALICE),
        case(
            "a token whose claims were changed after signing",
            "/account",
            Some("/token?tampered=yes"),
            &[],
            Answer::Refused(401, Some(r#"error="invalid_token""#)),
        ),
        case(
            "identity headers set by the client",
            "/account",
            Some("/token"),
            SPOOFED,
            ALICE,
        ),
        case(
            "the same on a public path, without a token",
            PUBLIC_PATH,
            None,
            SPOOFED,
            Answer::Passes(&[("x-user", None), ("x_user", None)]),
        ),
        case(
            "a good token without the scope that /reports wants",
            "/reports/1",
            Some("/token"),
            &[],
            Answer::Refused(403, Some(r#"error="insufficient_scope""#)),
        ),
        case(
            "a good token with it",
            "/reports/1",
            Some("/token?scope=reports:read"),
            &[],
            ALICE,
        ),
        case(
            "a good token, but no passkey behind it, where one is wanted",
            "/payments/1",
            Some("/token"),
            &[],
            Answer::Refused(401, Some(r#"acr_values="phr", max_age="30""#)),
        ),
        case(
            "a path that filter and service could read in two ways",
            "/healthz%2f..%2faccount",
            Some("/token"),
            &[],
            Answer::Refused(400, None),
        ),
    ]
}

impl Case {
    /// What should happen, in words.
    pub(crate) fn expectation(&self) -> String {
        match self.answer {
            Answer::Refused(status, Some(challenge)) => format!("{status}, {challenge}…"),
            Answer::Refused(status, None) => status.to_string(),
            Answer::Passes(headers) => {
                let headers: Vec<_> = headers
                    .iter()
                    .map(|(name, value)| match value {
                        Some(value) => format!("{name}: {value}"),
                        None => format!("no {name}"),
                    })
                    .collect();
                format!("200, the service sees {}", headers.join(", "))
            }
        }
    }

    /// Ready to paste.
    pub(crate) fn curl(&self, ports: &Ports) -> String {
        let mut line = "curl -i".to_owned();
        for (name, value) in self.headers {
            line += &format!(" -H '{name}: {value}'");
        }
        if let Some(path) = self.token {
            let issuer = ports.issuer();
            line += &format!(r#" -H "authorization: Bearer $(curl -s '{issuer}{path}')""#);
        }
        format!("{line} {}{}", ports.gate_url(), self.path)
    }

    /// Makes the request.
    pub(crate) async fn check(&self, ports: &Ports, upstream: &Upstream) -> Result<()> {
        let mut headers = self.headers.to_vec();
        let bearer;
        if let Some(path) = self.token {
            let token = http::get(ports.idp, path, &[]).await?.into_body();
            bearer = format!("Bearer {}", std::str::from_utf8(&token)?);
            headers.push(("authorization", &bearer));
        }
        let before = upstream.requests();
        let response = http::get(ports.gate, self.path, &headers).await?;
        let reached = upstream.requests() != before;

        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map_or(Ok(""), |value| value.to_str())?;
        match self.answer {
            Answer::Refused(_, _) if reached => Err("the request reached the service".into()),
            Answer::Refused(expected, part) => {
                expect("status", &status, &expected)?;
                match part {
                    Some(part) if !challenge.contains(part) => {
                        Err(format!("the challenge is {challenge:?}, without {part}").into())
                    }
                    _ => Ok(()),
                }
            }
            Answer::Passes(expected) => {
                expect("status", &status, &200)?;
                let seen: Value = serde_json::from_slice(response.body())?;
                let seen = seen
                    .get("headers")
                    .ok_or("this is not the demo's service")?;
                for &(name, value) in expected {
                    expect(name, &seen.get(name).and_then(Value::as_str), &value)?;
                }
                Ok(())
            }
        }
    }
}

fn expect<T: std::fmt::Debug + PartialEq>(what: &str, seen: &T, expected: &T) -> Result<()> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what} is {seen:?}, not {expected:?}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curl_line_can_be_pasted() {
        let ports = crate::ports::IN_THE_FILE;
        let lines: Vec<_> = all().iter().map(|case| case.curl(&ports)).collect();
        assert_eq!(lines[0], "curl -i http://localhost:8080/account");
        assert_eq!(
            lines[3],
            "curl -i -H 'x-user: admin' -H 'x_user: admin' \
             -H \"authorization: Bearer $(curl -s 'http://127.0.0.1:9000/token')\" http://localhost:8080/account"
        );
    }
}
