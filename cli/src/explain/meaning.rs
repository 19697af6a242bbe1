//! What a reason means and what to do about it: the words of docs/reference/reasons.md.

const PAGE: &str = include_str!("../../../docs/reference/reasons.md");

/// The row of this code, with a line for each cell that tells the operator something.
pub(super) fn of(code: &str) -> String {
    let start = format!("| `{code}` | ");
    let Some(row) = PAGE.lines().find_map(|line| line.strip_prefix(&start)) else {
        return String::new();
    };
    let row = row.trim_end_matches(" |").replace('`', "");
    let mut cells = row.split(" | ");
    let (means, _saw) = (cells.next(), cells.next());
    let lines = [
        ("it means", means),
        ("likely cause", cells.next()),
        ("what to do", cells.next()),
    ];
    let lines = lines
        .into_iter()
        .filter_map(|(name, cell)| Some((name, cell?)));
    let lines = lines.map(|(name, cell)| format!("{name}: {cell}\n"));
    format!("\n{}", lines.collect::<String>())
}
