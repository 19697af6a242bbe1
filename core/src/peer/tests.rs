use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::{AN_ID, ANY, LEAF, ONE_URI, READABLE, workload};

const ID: &str = "spiffe://mesh/ns/pay/sa/api";

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn made(names: Vec<SanType>, change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

fn read(pem: &str) -> Result<String, &'static str> {
    workload(Some(pem.as_bytes().to_vec()))
}

#[test]
fn the_one_uri_of_a_certificate_names_its_workload() {
    for names in [
        vec![uri(ID)],
        vec![dns("api.pay.svc"), uri(ID)],
        vec![
            uri(ID),
            dns("api.pay.svc"),
            SanType::IpAddress([127, 0, 0, 1].into()),
        ],
    ] {
        assert_eq!(read(&made(names, |_| {})).as_deref(), Ok(ID));
    }
    let long = format!("spiffe://mesh/{}", "a".repeat(2_000));
    assert_eq!(read(&made(vec![uri(&long)], |_| {})), Ok(long));
}

#[test]
fn a_certificate_with_another_number_of_uris_is_nobody() {
    for names in [
        vec![],
        vec![dns("spiffe.example")],
        vec![uri(ID), uri(ID)],
        vec![uri(ID), uri("spiffe://mesh/ns/pay/sa/other")],
        vec![uri("https://pay.example"), uri(ID)],
        vec![uri(ID), dns("a.example"), uri("https://pay.example")],
    ] {
        assert_eq!(
            read(&made(names.clone(), |_| {})),
            Err(ONE_URI),
            "{names:?}"
        );
    }
    // A URI in the place of another name is not one.
    for name in [SanType::Rfc822Name(ID.try_into().unwrap()), dns(ID)] {
        assert_eq!(read(&made(vec![name], |_| {})), Err(ONE_URI));
    }
    // Two extensions of one kind, which no certificate may have.
    let second = [&[0x30, 29, 0x86, 27][..], ID.as_bytes()].concat();
    let second = |params: &mut CertificateParams| {
        let oid = [2, 5, 29, 17];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&oid, second)];
    };
    assert_eq!(read(&made(vec![uri(ID)], second)), Err(ONE_URI));
}

#[test]
fn a_uri_that_is_not_of_a_workload_is_nobody() {
    for id in [
        "https://mesh/ns/pay/sa/api",
        "spiffe://mesh",
        "spiffe://mesh/",
        "spiffe://mesh/ns/pay/",
        "spiffe://Mesh/ns/pay",
        "SPIFFE://mesh/ns/pay",
        "spiffe://mesh/ns/%70ay",
        "spiffe://mesh/ns//pay",
        "spiffe://mesh/ns/../pay",
        "spiffe://mesh/ns/*",
        "spiffe://mesh/ns/pay\0",
        "",
    ] {
        assert_eq!(read(&made(vec![uri(id)], |_| {})), Err(AN_ID), "{id}");
    }
}

#[test]
fn an_authority_is_not_a_workload() {
    let authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    };
    assert_eq!(read(&made(vec![uri(ID)], authority)), Err(LEAF));
    for (usage, is_leaf) in [
        (KeyUsagePurpose::DigitalSignature, true),
        (KeyUsagePurpose::KeyAgreement, true),
        (KeyUsagePurpose::DecipherOnly, true),
        (KeyUsagePurpose::KeyCertSign, false),
        (KeyUsagePurpose::CrlSign, false),
    ] {
        let pem = made(vec![uri(ID)], |params| {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![usage];
        });
        assert_eq!(read(&pem).is_ok(), is_leaf, "{usage:?}");
    }
}

#[test]
fn a_connection_without_a_certificate_is_nobody() {
    assert_eq!(workload(None), Err(ANY));
    assert_eq!(workload(Some(Vec::new())), Err(ANY));
}

#[test]
fn what_is_not_one_certificate_is_nobody() {
    let pem = made(vec![uri(ID)], |_| {});
    let key = KeyPair::generate().unwrap().serialize_pem();
    for text in [
        "hello".to_owned(),
        ID.to_owned(),
        key,
        pem.repeat(2),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        pem.replace("BEGIN", "begin"),
        pem.replacen("MII", "MI", 1),
        format!("{pem}\n-----BEGIN X-----"),
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----".to_owned(),
    ] {
        assert_eq!(read(&text), Err(READABLE), "{text}");
    }
    let long = format!("spiffe://mesh/{}", "a".repeat(30_000));
    assert_eq!(read(&made(vec![uri(&long)], |_| {})), Err(READABLE));
}

proptest! {
    /// Nothing of a certificate makes a workload of other bytes: a cut one, or one with other bytes
    /// at one place, is nobody, or the same, or names what stands in it.
    #[test]
    fn no_byte_makes_a_panic_or_a_name_that_is_not_in_it(at in 0_usize..400, byte: u8, cut: bool) {
        let pem = made(vec![uri(ID)], |_| {});
        let text = pem.replace("-----BEGIN CERTIFICATE-----", "");
        let text = text.replace("-----END CERTIFICATE-----", "").replace(['\r', '\n'], "");
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let mut der = STANDARD.decode(text).unwrap();
        if cut {
            der.truncate(at);
        } else if let Some(place) = der.get_mut(at) {
            *place = byte;
        }
        let text = STANDARD.encode(&der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        if let Ok(id) = read(&pem) {
            prop_assert!(der.windows(id.len()).any(|window| window == id.as_bytes()));
        }
    }
}
