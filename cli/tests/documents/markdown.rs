//! A page as a reader finds it: links, headings, blocks of code, prose.

use std::collections::BTreeSet;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    text: String,
    /// Where links and pictures lead.
    pub(crate) links: Vec<String>,
    /// Names of headings, as GitHub and the site make them.
    pub(crate) anchors: BTreeSet<String>,
    /// What stands between backticks.
    pub(crate) codes: Vec<String>,
    /// Language and text of blocks of code.
    pub(crate) blocks: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn read(text: String) -> Self {
        let mut page = Self::default();
        let mut heading: Option<String> = None;
        let mut is_block = false;
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            let is_code = matches!(event, Event::Code(_));
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let name = heading.take().map(|heading| anchor(&heading));
                    page.anchors.extend(name);
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    page.blocks.push((language, String::new()));
                    is_block = true;
                }
                Event::End(TagEnd::CodeBlock) => is_block = false,
                Event::Text(words) if is_block => {
                    if let Some((_, block)) = page.blocks.last_mut() {
                        block.push_str(&words);
                    }
                }
                Event::Text(words) | Event::Code(words) => {
                    if is_code {
                        page.codes.push(words.to_string());
                    }
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        page.text = text;
        page
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The lines that are neither code nor a table nor a picture.
    pub(crate) fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let line = line.trim_start();
            let is_fence = line.starts_with("```");
            is_code ^= is_fence;
            !is_code && !is_fence && !line.starts_with('|') && !line.starts_with("![")
        })
    }
}

/// Lower case, without punctuation, `-` for each blank.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}
