//! Two filters that the module takes for one when it looks after open streams.

use super::{SMALLEST, check, put};

/// The smallest file with a second chain, for hosts of its own, that holds the same filter with
/// another policy.
fn two_chains(streams: &str) -> String {
    let (before, chain) = SMALLEST.split_once("      filter_chains:\n").expect("it");
    let (chain, after) = chain.split_once("\n  clusters:").expect("the end");
    let policy = |text: &str, more: &str| {
        let (before, policy) = text.split_once("value: |").expect("the policy");
        format!("{before}value: |{}", put(policy, "{", &format!("{{{more}")))
    };
    let first = policy(chain, streams);
    let second = policy(chain, &format!("{streams} \"rules\": [],"));
    let first = put(
        &first,
        "        - filters:",
        "        - filter_chain_match: { server_names: [a.test] }\n          filters:",
    );
    format!("{before}      filter_chains:\n{first}\n{second}\n  clusters:{after}")
}

const ENDS: &str = r#" "streams": { "end_with_authority": true },"#;

#[test]
fn two_filters_that_judge_each_others_streams_are_warned_of() {
    let told = |of: usize| {
        format!(
            "warning: static_resources.listeners[0].filter_chains[{of}].filters[0].typed_config.http_filters[0].typed_config.config: has the name of this filter, too, behind the same port, "
        )
    };
    let text = two_chains(ENDS);
    let said = check(&text);
    assert!(said.contains(&told(0)) && said.contains(&told(1)), "{said}");
    // The names of chains, or of filters, tell them apart; and streams may not matter.
    let chain = "        - filters:";
    let named = put(&text, chain, "        - name: b\n          filters:");
    let filter = "                        name: passgate\n";
    let other = put(&text, filter, "                        name: passgate-a\n");
    for text in [named, other, two_chains("")] {
        let said = check(&text);
        assert!(!said.contains("has the name of this filter"), "{said}");
    }
    // Neither does one policy in both.
    let same = text.replace(" \"rules\": [],", "");
    let said = check(&same);
    assert!(!said.contains("has the name of this filter"), "{said}");
}
