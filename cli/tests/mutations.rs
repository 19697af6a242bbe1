//! Whatever stands in a field, the decoder answers: it takes all of a document or names what it
//! does not take.
#![allow(clippy::expect_used, reason = "tests")]

use passgate_core::{Config, limits};
use serde_json::{Value, json};

/// Every field of the language.
/// Every variable is set.
fn environment(name: &str) -> Option<String> {
    Some(passgate_core::explain::stand_in(name))
}

fn whole_language() -> Value {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/corpus/good/whole_language.yaml"
    );
    let text = std::fs::read_to_string(file).expect("the file");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// The places of all values below one.
fn places(value: &Value, place: &str, all: &mut Vec<String>) {
    all.push(place.to_owned());
    let nested: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(i, value)| (i.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (name, value) in nested {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value, &format!("{place}/{name}"), all);
    }
}

#[test]
fn every_field_takes_what_it_means_and_names_what_it_does_not() {
    let whole = whole_language();
    let mut all = Vec::new();
    places(&whole, "", &mut all);
    assert!(all.len() > 150, "the places were found: {}", all.len());
    let odd = [
        Value::Null,
        json!(true),
        json!(7),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!("/\u{0}%"),
        json!("é…"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"x": 1}),
    ];
    let mut accepted = 0;
    for place in &all {
        for value in &odd {
            let mut document = whole.clone();
            *document.pointer_mut(place).expect("the place") = value.clone();
            match Config::parse_with(document.to_string().as_bytes(), &environment) {
                Ok(config) => {
                    accepted += 1;
                    let count = |name: &str| document[name].as_array().map(Vec::len);
                    assert_eq!(
                        Some(config.providers().len()),
                        document["providers"].as_object().map(|p| p.len())
                    );
                    assert_eq!(config.rules().map(<[_]>::len), count("rules"));
                    assert_eq!(Some(config.origins().len()), count("origins"));
                    assert_ne!(*value, Value::Null, "{place} took null");
                }
                Err(problems) => {
                    assert!(!problems.is_empty(), "{place}: {value}");
                    assert!(problems.len() <= limits::CONFIG_PROBLEMS);
                    for problem in problems {
                        assert!(!problem.seen.is_empty(), "{problem}");
                        assert!(!problem.wanted.is_empty(), "{problem}");
                    }
                }
            }
        }
    }
    assert!(
        accepted > 100,
        "some values are as good as the ones they replace: {accepted}"
    );
}

#[test]
fn a_document_that_is_cut_anywhere_is_refused() {
    let text = whole_language().to_string();
    for end in 0..text.len() {
        assert!(
            Config::parse_with(text.as_bytes().get(..end).expect("a part"), &environment).is_err(),
            "cut at {end}"
        );
    }
}
