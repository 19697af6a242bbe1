//! Which answers came, and which of them were wrong.

use super::clients::Kind;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub struct Answers {
    /// Per kind of request: how many with each status.
    counts: BTreeMap<Kind, BTreeMap<u16, u64>>,
    /// Connections that Envoy ended without an answer while the configuration was replaced.
    cut: u64,
    wrong: Vec<String>,
}

impl Answers {
    pub fn note(&mut self, kind: Kind, status: u16, right: &[u16]) {
        *self
            .counts
            .entry(kind)
            .or_default()
            .entry(status)
            .or_default() += 1;
        if !right.contains(&status) {
            self.wrong
                .push(format!("{kind:?}: {status} in place of {right:?}"));
        }
    }

    /// A connection ended without an answer, and whether that may be.
    pub fn note_cut(&mut self, kind: Kind, error: &str, may_be: bool) {
        self.cut += 1;
        if !may_be {
            self.wrong.push(format!("{kind:?}: {error}"));
        }
    }

    pub fn add(mut self, other: Self) -> Self {
        for (kind, counts) in other.counts {
            for (status, count) in counts {
                *self
                    .counts
                    .entry(kind)
                    .or_default()
                    .entry(status)
                    .or_default() += count;
            }
        }
        self.cut += other.cut;
        self.wrong.extend(other.wrong);
        self
    }

    pub fn are_right(&self) -> bool {
        self.wrong.is_empty() && self.counts.len() == Kind::ALL.len()
    }

    pub fn print(&self, length: Duration) {
        println!("\n| requests | right answers | seen |\n|---|---|---|");
        let mut sum = 0;
        for (kind, counts) in &self.counts {
            let seen: Vec<String> = counts
                .iter()
                .map(|(status, count)| format!("{count} × {status}"))
                .collect();
            println!(
                "| {} | {} | {} |",
                kind.name(),
                kind.right(),
                seen.join(", ")
            );
            sum += counts.values().sum::<u64>();
        }
        let each = sum as f64 / length.as_secs_f64();
        println!(
            "\n{sum} answers, {each:.0} a second, {} wrong; {} connections were closed by a replaced listener before an answer",
            self.wrong.len(),
            self.cut
        );
        for wrong in self.wrong.iter().take(20) {
            println!("**wrong**: {wrong}");
        }
    }
}
