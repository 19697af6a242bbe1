use proptest::prelude::*;

use super::{Issuer, IssuerTemplate, Tenants};
use crate::json::Json;

fn template(before: &str, claim: &str, after: &str, tenants: &[&str]) -> Issuer {
    let template = IssuerTemplate {
        text: format!("{before}{{{claim}}}{after}"),
        before: before.to_owned(),
        claim: claim.to_owned(),
        after: after.to_owned(),
    };
    let named = tenants.iter().map(|&tenant| tenant.to_owned()).collect();
    let tenants = match tenants {
        [] => Tenants::Any,
        _ => Tenants::Named(named),
    };
    Issuer::Template(template, tenants)
}

fn entra(tenants: &[&str]) -> Issuer {
    template("https://id.example/", "tid", "/v2.0", tenants)
}

fn claims(text: &str) -> Json {
    Json::parse(text.as_bytes(), 100).unwrap_or(Json::Null)
}

/// Whether a token with this `iss` and these claims is of the provider.
fn is(own: &Issuer, issuer: &str, claims: &Json) -> bool {
    let Json::Object(members) = claims else {
        return false;
    };
    let issuer = ("iss".into(), Json::String(issuer.into()));
    let members = members.iter().cloned().chain([issuer]);
    own.is(&Json::Object(members.collect()))
}

#[test]
fn a_token_is_of_the_tenant_that_issuer_and_claim_agree_on() {
    let one = claims(r#"{"tid":"one"}"#);
    for issuer in [entra(&["one", "two"]), entra(&[])] {
        assert!(is(&issuer, "https://id.example/one/v2.0", &one));
        for other in [
            "https://id.example/two/v2.0",
            "https://id.example//v2.0",
            "https://id.example/v2.0",
            "https://id.example/one/v2.0/",
            "https://id.example/one/v1.0",
            "https://id.example/one",
            "https://id.example/%6fne/v2.0",
            "https://id.example/ONE/v2.0",
            "https://id.example/{tid}/v2.0",
            "http://id.example/one/v2.0",
            "",
        ] {
            assert!(!is(&issuer, other, &one), "{other}");
        }
    }
    assert!(!is(&entra(&["two"]), "https://id.example/one/v2.0", &one));
}

#[test]
fn no_claim_of_another_shape_is_a_tenant() {
    for (tid, issuer) in [
        ("{}", "https://id.example/one/v2.0"),
        (r#"{"tid":1}"#, "https://id.example/1/v2.0"),
        (r#"{"tid":["one"]}"#, "https://id.example/one/v2.0"),
        (r#"{"tid":null}"#, "https://id.example/null/v2.0"),
        (r#"{"tid":""}"#, "https://id.example//v2.0"),
        (r#"{"tid":"."}"#, "https://id.example/./v2.0"),
        (r#"{"tid":".."}"#, "https://id.example/../v2.0"),
        (r#"{"tid":"a/b"}"#, "https://id.example/a/b/v2.0"),
        (r#"{"tid":"a%2fb"}"#, "https://id.example/a%2fb/v2.0"),
        (r#"{"tid":"a?b"}"#, "https://id.example/a?b/v2.0"),
        (r#"{"tid":"é"}"#, "https://id.example/é/v2.0"),
        (r#"{"TID":"one"}"#, "https://id.example/one/v2.0"),
    ] {
        assert!(!is(&entra(&[]), issuer, &claims(tid)), "{tid}");
    }
}

#[test]
fn a_token_is_of_the_trust_domain_of_its_subject() {
    let domain = Issuer::TrustDomain("spiffe://mesh".into());
    for sub in ["spiffe://mesh/a", "spiffe://mesh/ns/pay/sa/api"] {
        let sub = format!(r#"{{"sub":"{sub}","aud":"api"}}"#);
        assert!(domain.is(&claims(&sub)), "{sub}");
        // It may name an issuer, which says nothing.
        assert!(is(&domain, "https://spire.example", &claims(&sub)), "{sub}");
    }
    for sub in [
        r#"{"sub":"spiffe://mesh"}"#,
        r#"{"sub":"spiffe://mesh/"}"#,
        r#"{"sub":"spiffe://mesh.evil/a"}"#,
        r#"{"sub":"spiffe://meshevil/a"}"#,
        r#"{"sub":"spiffe://evil/mesh/a"}"#,
        r#"{"sub":"spiffe://mes/h/a"}"#,
        r#"{"sub":"spiffe://MESH/a"}"#,
        r#"{"sub":"SPIFFE://mesh/a"}"#,
        r#"{"sub":"https://mesh/a"}"#,
        r#"{"sub":"mesh/a"}"#,
        r#"{"sub":["spiffe://mesh/a"]}"#,
        r#"{"sub":null}"#,
        r#"{"iss":"spiffe://mesh","sub":"a"}"#,
        "{}",
    ] {
        assert!(!domain.is(&claims(sub)), "{sub}");
    }
}

#[test]
fn a_key_of_one_tenant_signs_for_no_other() {
    let (one, two) = ("https://id.example/one/v2.0", "https://id.example/two/v2.0");
    let issuer = entra(&[]);
    assert!(issuer.lends(None, one));
    assert!(issuer.lends(Some(one), one));
    assert!(issuer.lends(Some("https://id.example/{tenantid}/v2.0"), one));
    for other in [
        two,
        "",
        "https://id.example/{tenantid}/v1.0",
        "https://evil.example/{tenantid}/v2.0",
        "https://id.example/{tenantid/v2.0",
    ] {
        assert!(!issuer.lends(Some(other), one), "{other}");
    }
    // One issuer, and the keys of all tenants.
    let issuer = Issuer::Exact(one.into());
    for own in [
        one,
        "https://id.example/one/v2.0/",
        "https://id.example/{tenantid}/v2.0",
        "https://another.example/two",
        "CN=keys",
        "",
    ] {
        assert!(issuer.lends(Some(own), one), "{own}");
    }
    assert!(issuer.lends(None, one));
    for other in [two, "https://id.example", "https://ID.example/two"] {
        assert!(!issuer.lends(Some(other), one), "{other}");
    }
}

#[test]
fn two_providers_that_could_have_one_token_meet() {
    let exact = |issuer: &str| Issuer::Exact(issuer.into());
    let one = exact("https://id.example/one/v2.0");
    let moved = template("https://id.example/one/", "ver", "", &[]);
    for (a, b, meet) in [
        (&one, &one, true),
        (&one, &exact("https://id.example/one/v2.0/"), false),
        (&one, &entra(&[]), true),
        (&one, &entra(&["two", "one"]), true),
        (&one, &entra(&["two"]), false),
        (&exact("https://id.example/a b/v2.0"), &entra(&[]), false),
        (&entra(&["one"]), &entra(&["two"]), false),
        (&entra(&["one", "two"]), &entra(&["two"]), true),
        (&entra(&["one"]), &entra(&[]), true),
        (&entra(&[]), &moved, true),
        (&entra(&["two"]), &moved, false),
        (
            &entra(&[]),
            &template("https://id.example/", "t", "", &[]),
            false,
        ),
    ] {
        assert_eq!(a.meets(b), meet, "{a} {b}");
        assert_eq!(b.meets(a), meet, "{b} {a}");
    }
}

#[test]
fn only_named_tenants_can_be_listed() {
    let listed = |issuer: Issuer| {
        let mut all = Vec::new();
        issuer.list(&mut all);
        all
    };
    let both = listed(entra(&["one", "two"]));
    assert_eq!(
        both,
        ["https://id.example/one/v2.0", "https://id.example/two/v2.0"]
    );
    assert_eq!(listed(entra(&[])), Vec::<String>::new());
}

proptest! {
    #[test]
    fn what_is_taken_begins_and_ends_as_written_around_the_claim(
        issuer in "https://id\\.example/[a-c./%{}]{0,6}(/v2\\.0)?", tid in "[a-c./%]{0,4}",
    ) {
        let claims = Json::Object([("tid".into(), Json::String((*tid).into()))].into());
        let expected = issuer == format!("https://id.example/{tid}/v2.0")
            && !tid.contains(['/', '%'])
            && tid.contains(|c: char| c != '.');
        prop_assert_eq!(is(&entra(&[]), &issuer, &claims), expected);
    }

    #[test]
    fn a_token_of_two_issuers_makes_them_meet(
        at in 0_usize..3, other in 0_usize..3, tid in "[ab]", ver in "[ab]",
    ) {
        let place = |at: usize| {
            let mut parts = ["a", "a", "a"];
            if let Some(part) = parts.get_mut(at) {
                *part = "{tid}";
            }
            let text = parts.join("/");
            let (before, after) = text.split_once("{tid}").unwrap_or_default();
            template(&format!("https://x/{before}"), "tid", after, &[])
        };
        let claims = Json::Object([("tid".into(), Json::String((*tid).into()))].into());
        for issuer in [format!("https://x/{tid}/a/{ver}"), format!("https://x/a/{tid}/{ver}")] {
            let (one, two) = (place(at), place(other));
            if is(&one, &issuer, &claims) && is(&two, &issuer, &claims) {
                prop_assert!(one.meets(&two));
            }
        }
    }
}
