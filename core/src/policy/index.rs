//! The first rule that is about a request, found by the segments of its path. What a thousand rules
//! have in common is compared once, and a rule for another path is not looked at.

use super::matcher::{Matcher, ONE, PathMatch};
use crate::request::Target;

/// Rules by their paths.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Rules about every path, and about requests without a path (`*`, or nothing).
    any: Vec<usize>,
    /// Rules whose paths are compared with their case.
    exact: Tree,
    /// The others, in lower case.
    folded: Tree,
}

impl Index {
    /// Of the matchers of all rules, in order.
    pub(crate) fn new<'m>(matchers: impl Iterator<Item = &'m Matcher>) -> Self {
        let mut index = Self::default();
        for (rule, matcher) in matchers.enumerate() {
            if matcher.ignore_case {
                let lower = match &matcher.path {
                    PathMatch::Any => PathMatch::Any,
                    PathMatch::Exact(text) => PathMatch::Exact(text.to_ascii_lowercase()),
                    PathMatch::Prefix(text) => PathMatch::Prefix(text.to_ascii_lowercase()),
                    PathMatch::Segments(text) => PathMatch::Segments(text.to_ascii_lowercase()),
                };
                index.folded.insert(&lower, rule, &mut index.any);
            } else {
                index.exact.insert(&matcher.path, rule, &mut index.any);
            }
        }
        index
    }

    /// The first rule whose path fits and that `fits` otherwise, too.
    pub(crate) fn first(
        &self,
        target: &Target<'_>,
        mut fits: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let mut first = First {
            rule: None,
            fits: &mut fits,
        };
        first.look(&self.any);
        if let Some(below_root) = target
            .path
            .as_deref()
            .and_then(|path| path.strip_prefix('/'))
        {
            self.exact.walk(below_root, &mut first);
            if !self.folded.nodes.is_empty() {
                self.folded
                    .walk(&below_root.to_ascii_lowercase(), &mut first);
            }
        }
        first.rule
    }
}

/// The least rule so far that fits.
struct First<'f> {
    rule: Option<usize>,
    fits: &'f mut dyn FnMut(usize) -> bool,
}

impl First<'_> {
    /// Looks at rules whose path fits, in order.
    fn look(&mut self, rules: &[usize]) {
        let is_earlier = |rule: &usize| self.rule.is_none_or(|first| *rule < first);
        let found = rules
            .iter()
            .take_while(|rule| is_earlier(rule))
            .find(|rule| (self.fits)(**rule));
        self.rule = found.copied().or(self.rule);
    }
}

/// Paths that share their beginnings; the first node is the root, and without rules there is none.
#[derive(Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// The nodes of the segments that may follow, sorted by them.
    next: Vec<(Box<str>, usize)>,
    /// The node of any segment that is not empty.
    one: Option<usize>,
    /// Rules about paths that end here, in order.
    ends: Vec<usize>,
    /// Rules about paths that go on, in order.
    goes_on: Vec<usize>,
}

impl Tree {
    /// Rules come in their order, so that all lists are sorted.
    fn insert(&mut self, path: &PathMatch, rule: usize, any: &mut Vec<usize>) {
        let Some(parts) = path.parts() else {
            any.push(rule);
            return;
        };
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let node = parts
            .segments()
            .fold(0, |node, segment| self.child(node, segment));
        if let Some(node) = self.nodes.get_mut(node) {
            if parts.ends {
                node.ends.push(rule);
            }
            if parts.goes_on {
                node.goes_on.push(rule);
            }
        }
    }

    /// The node of a segment below another; a new one if there is none.
    fn child(&mut self, parent: usize, segment: &str) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(parent) else {
            return parent;
        };
        let child = if segment == ONE {
            *node.one.get_or_insert(new)
        } else {
            match node.find(segment) {
                Ok((_, child)) => *child,
                Err(place) => {
                    node.next.insert(place, (segment.into(), new));
                    new
                }
            }
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Looks at all rules whose paths fit. No node is seen twice, and where no `*` stands beside a
    /// name, one is seen for each segment; nothing is nested, since a path may have very many
    /// segments.
    fn walk(&self, path: &str, first: &mut First<'_>) {
        let mut forks: Vec<(usize, Option<&str>)> = Vec::new();
        let mut next = Some((0, Some(path)));
        while let Some((node, rest)) = next.take().or_else(|| forks.pop()) {
            let Some(node) = self.nodes.get(node) else {
                continue;
            };
            let Some(rest) = rest else {
                first.look(&node.ends);
                continue;
            };
            first.look(&node.goes_on);
            let (segment, rest) = match rest.split_once('/') {
                Some((segment, rest)) => (segment, Some(rest)),
                None => (rest, None),
            };
            let named = node.find(segment).ok().map(|(_, child)| *child);
            let one = node.one.filter(|_| !segment.is_empty());
            if let (Some(_), Some(one)) = (named, one) {
                forks.push((one, rest));
            }
            next = named.or(one).map(|node| (node, rest));
        }
    }
}

impl Node {
    /// The child of a segment, or the place where it would stand.
    fn find(&self, segment: &str) -> Result<&(Box<str>, usize), usize> {
        let place = self.next.partition_point(|(name, _)| **name < *segment);
        let found = self.next.get(place).filter(|(name, _)| **name == *segment);
        found.ok_or(place)
    }
}

#[cfg(test)]
mod tests;
