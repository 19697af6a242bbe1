//! What a record takes, and what to write instead of a member that it does not take: a word of
//! `jwt_authn` or Istio, another spelling, a slip.

use super::{shown, suggest};

/// What a record takes. [`record!`](super::record!) makes it.
#[derive(Debug)]
pub struct Shape {
    /// How messages call the record: `provider`.
    pub name: &'static str,
    /// Its own fields.
    pub fields: &'static [Taken],
    /// Members that are not taken, in `snake_case`, each with what to write instead.
    pub hints: &'static [(&'static str, &'static str)],
    /// Records whose fields, and hints, are this one's, too.
    pub parts: &'static [&'static Self],
}

/// A field.
#[derive(Debug)]
pub struct Taken {
    /// As it is written.
    pub name: &'static str,
    /// What it takes, and where that is written, for those who write it beside the field.
    pub inside: Option<(&'static str, &'static Shape)>,
}

impl Shape {
    /// Whether it has a field of this name.
    pub fn takes(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
            || self.parts.iter().any(|part| part.takes(name))
    }

    /// The names of all fields.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
        for part in self.parts {
            names.extend(part.names());
        }
        names
    }

    /// What to write instead of a member that is not a field.
    pub fn instead_of(&self, name: &str) -> String {
        let snake = snake_case(name);
        if self.takes(&snake) {
            return shown::join(&["write ", &snake]);
        }
        if let Some(instead) = self.hint(&snake) {
            return instead.to_owned();
        }
        let mut insides = self.fields.iter().filter_map(|field| field.inside);
        if let Some((place, _)) = insides.find(|(_, shape)| shape.takes(&snake)) {
            return shown::join(&["write it inside ", place]);
        }
        let names = self.names();
        match suggest::closest(&snake, names.iter().copied()) {
            Some(field) => shown::join(&["did you mean ", field, "?"]),
            None if names.is_empty() => shown::join(&[self.name, " takes nothing"]),
            None => shown::join(&[self.name, " takes ", &names.join(", ")]),
        }
    }

    fn hint(&self, snake: &str) -> Option<&'static str> {
        let own = self.hints.iter().find(|(meant, _)| *meant == snake);
        let of_parts = || self.parts.iter().find_map(|part| part.hint(snake));
        own.map(|(_, instead)| *instead).or_else(of_parts)
    }
}

/// `claimToHeaders`, as protobuf's JSON has it, is `claim_to_headers`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
