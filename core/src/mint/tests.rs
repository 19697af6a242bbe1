use core::time::Duration;

use super::{IdentityToken, MintedTokens, Shown, SigningKey, Way};
use crate::{limits::IDENTITY_TOKEN_BYTES, time::UnixTime};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

fn own() -> IdentityToken {
    IdentityToken {
        header: String::new(),
        issuer: "i".to_owned(),
        audience: None,
        lifetime: Duration::from_secs(60),
        keys: SigningKey::of(&[7; 32]).into_iter().collect(),
        claims: Vec::new(),
        is_transaction: false,
        keys_path: None,
        gate: None,
    }
}

/// RFC 6979 appendix A.2.5, P-256 with SHA-256.
#[test]
fn the_examples_of_rfc_6979_hold() {
    let secret = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02X}")).collect() };
    let digits = secret.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    let number: Vec<u8> = digits.map(byte).collect();
    let key = SigningKey::of(&number).unwrap();
    for (text, r, s) in [
        (
            "sample",
            "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
        ),
        (
            "test",
            "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
        ),
    ] {
        let signature = key.signature(text.as_bytes()).unwrap();
        assert_eq!(hex(&signature.to_bytes()), [r, s].concat());
    }
}

#[test]
fn what_is_kept_is_bounded_whoever_asks_for_what() {
    let (own, mut minted) = (own(), MintedTokens::default());
    let about = ["\"a\":\"", &"x".repeat(9_000), "\""].concat();
    for number in 0..400 {
        let host = number.to_string();
        let way = Way {
            host: Some(&host),
            request: None,
        };
        // Each host with each of two ends, which are two contents.
        for ends in [None, Some(UnixTime::from_secs(1_700_000_030))] {
            let shown = Shown {
                ends,
                ..Shown::default()
            };
            assert!(minted.token(&own, &about, shown, way, NOW).is_some());
            assert!(minted.size().0 <= IDENTITY_TOKEN_BYTES);
        }
    }
    // What does not serve any more goes first, and all else only then.
    let (_, count) = minted.size();
    assert!((1..400).contains(&count), "{count}");
    let later = NOW.saturating_add(Duration::from_secs(30));
    for number in 0..400 {
        let host = number.to_string();
        let way = Way {
            host: Some(&host),
            request: None,
        };
        assert!(
            minted
                .token(&own, &about, Shown::default(), way, later)
                .is_some()
        );
        assert!(minted.size().0 <= IDENTITY_TOKEN_BYTES);
    }
    // One that has no place is made all the same, and drops no other.
    let size = minted.size();
    let about = ["\"a\":\"", &"x".repeat(IDENTITY_TOKEN_BYTES), "\""].concat();
    let way = Way {
        host: Some("h"),
        request: None,
    };
    assert!(
        minted
            .token(&own, &about, Shown::default(), way, NOW)
            .is_some()
    );
    assert_eq!(minted.size(), size);
}

#[test]
fn what_is_used_again_and_again_stays() {
    let (own, mut minted) = (own(), MintedTokens::default());
    let about = ["\"a\":\"", &"x".repeat(9_000), "\""].concat();
    let mut ask = |host: &str, second| {
        let way = Way {
            host: Some(host),
            request: None,
        };
        let now = NOW.saturating_add(Duration::from_secs(second));
        minted.token(&own, &about, Shown::default(), way, now)
    };
    let [often, once] = ["often", "once"].map(|host| ask(host, 0));
    let mut late = None;
    for number in 0..400 {
        let made = ask(&number.to_string(), 1);
        if number == 350 {
            late = made;
        }
        assert!(ask("often", 2) == often, "{number}");
    }
    assert!(ask("350", 3) == late, "it was used not long ago");
    assert!(ask("once", 3) != once, "it has made room");
}

#[test]
fn a_token_that_is_made_anew_takes_the_place_of_the_old_one() {
    let (own, mut minted) = (own(), MintedTokens::default());
    let way = Way {
        host: Some("h"),
        request: None,
    };
    let mut at = |secs| {
        let now = NOW.saturating_add(Duration::from_secs(secs));
        minted.token(&own, "\"a\":1", Shown::default(), way, now)
    };
    let first = at(0);
    assert_eq!(at(29), first);
    assert_ne!(at(30), first);
    let (bytes, count) = minted.size();
    assert!(count == 1 && bytes < 1_000, "{bytes} {count}");
}

#[cfg(feature = "explain")]
#[test]
fn what_stands_for_a_variable_is_a_key_of_its_own() {
    let keys = ["A", "B"].map(|name| SigningKey::read(&super::stand_in(name)));
    let [Some(a), Some(b)] = keys else {
        panic!("keys");
    };
    assert_ne!(a.kid(), b.kid());
}
