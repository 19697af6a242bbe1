//! What a check found, and how it is told: as text for people, as JSON, and as SARIF, which forges
//! show beside the lines of a change.

use serde_json::{Value, json};

use crate::{reach::Route, text::on_one_line};

/// What is printed, and whether everything was accepted.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) accepted: bool,
}

impl Report {
    /// A text that was asked for, which refuses nothing.
    pub(crate) fn printed(text: String) -> Self {
        let accepted = true;
        Self { text, accepted }
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The filter refuses the configuration for it.
    Problem,
    /// The filter is not asked there.
    Off,
    /// It can never work where it stands.
    Error,
    /// A test of the policy says otherwise.
    Test,
    /// It works, and is hardly what was meant.
    Warning,
    /// It is worth knowing.
    Note,
}

impl Level {
    const ALL: [Self; 6] = [
        Self::Problem,
        Self::Off,
        Self::Error,
        Self::Test,
        Self::Warning,
        Self::Note,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Off => "switched-off",
            Self::Error => "error",
            Self::Test => "test",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// What stands before its line; the heading says it of others.
    const fn mark(self) -> &'static str {
        match self {
            Self::Problem | Self::Off | Self::Test => "",
            Self::Error => "error: ",
            Self::Warning => "warning: ",
            Self::Note => "note: ",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::Problem => "The filter refuses the configuration.",
            Self::Off => "The filter is not asked, and requests pass unjudged.",
            Self::Error => "It can never work where it stands.",
            Self::Test => "A test of the policy expects something else.",
            Self::Warning => "It works, and is hardly what was meant.",
            Self::Note => "It is worth knowing.",
        }
    }

    /// A level of SARIF.
    const fn of_sarif(self) -> &'static str {
        match self {
            Self::Problem | Self::Off | Self::Error | Self::Test => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// What is said of one configuration, or of the file around it.
pub(crate) struct Section {
    /// Where the configuration stands in the file, if not alone in it.
    pub(crate) place: Option<String>,
    /// The verdict, in a line.
    pub(crate) summary: String,
    pub(crate) findings: Vec<Finding>,
}

impl Section {
    /// Adds a line of its own for each text.
    pub(crate) fn add(&mut self, level: Level, texts: impl IntoIterator<Item = String>) {
        let new = texts.into_iter().map(|text| Finding { level, text });
        self.findings.extend(new);
    }

    /// Whether it tells of requests that may pass unjudged.
    pub(crate) fn is_open(&self) -> bool {
        self.findings.iter().any(|finding| match finding.level {
            Level::Problem | Level::Off | Level::Error => true,
            Level::Warning | Level::Note => {
                let mut signs = ["judged", "without this filter"].iter();
                signs.any(|sign| finding.text.contains(sign))
            }
            Level::Test => false,
        })
    }

    fn accepted(&self, strict: bool) -> bool {
        let passes = |finding: &Finding| match finding.level {
            Level::Note => true,
            Level::Warning => !strict,
            Level::Problem | Level::Off | Level::Error | Level::Test => false,
        };
        self.findings.iter().all(passes)
    }
}

/// What is said of one file.
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) sections: Vec<Section>,
    /// What decides about each route, where that was asked for.
    pub(crate) routes: Option<Vec<Route>>,
}

impl Checked {
    pub(crate) const fn new(name: String, sections: Vec<Section>) -> Self {
        let routes = None;
        Self {
            name,
            sections,
            routes,
        }
    }

    fn accepted(&self, strict: bool) -> bool {
        self.sections.iter().all(|section| section.accepted(strict))
    }
}

/// How findings are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Sarif,
}

impl Format {
    /// By the name that is given for it.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            "sarif" => Some(Self::Sarif),
            _ => None,
        }
    }

    /// All files in this form. Where it is strict, a warning refuses.
    pub(crate) fn report(self, files: &[Checked], strict: bool) -> Report {
        let text = match self {
            Self::Text => text(files),
            Self::Json => format!("{:#}\n", json(files, strict)),
            Self::Sarif => format!("{:#}\n", sarif(files)),
        };
        let accepted = files.iter().all(|file| file.accepted(strict));
        Report { text, accepted }
    }
}

/// One file does not need its name: whoever asked knows it.
fn text(files: &[Checked]) -> String {
    let mut text = String::new();
    for file in files {
        if files.len() > 1 {
            text += &format!("== {}\n", on_one_line(&file.name));
        }
        for section in &file.sections {
            if let Some(place) = &section.place {
                text += &format!("{}:\n", on_one_line(place));
            }
            for line in section.summary.lines() {
                text += &format!("{}\n", on_one_line(line));
            }
            for finding in &section.findings {
                text += &format!("{}{}\n", finding.level.mark(), on_one_line(&finding.text));
            }
        }
        text += &file.routes.as_deref().map(table).unwrap_or_default();
    }
    text
}

/// The routes in columns.
fn table(routes: &[Route]) -> String {
    let head = ["HOSTS", "PATHS", "WEAKEST RULE", "ASKS FOR"].map(str::to_owned);
    let mut rows = vec![head];
    for route in routes {
        let of =
            |rules: String, asks: String| [route.hosts.join(" "), route.paths.clone(), rules, asks];
        if let Some(why) = route.open {
            rows.push(of("NONE".to_owned(), format!("NOTHING: {why}")));
        }
        let asked = route.gates.iter().filter(|_| route.open.is_none());
        rows.extend(asked.map(|gate| of(gate.rules.join(" or "), gate.asks.clone())));
    }
    let shown = |cell: &str| {
        if cell.is_empty() {
            "-".to_owned()
        } else {
            on_one_line(cell)
        }
    };
    let wide = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| shown(cell).chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [0, 1, 2].map(wide);
    let lines = rows.iter().map(|[hosts, paths, rules, asks]| {
        let [one, two, three] = widths;
        let (hosts, paths, rules) = (shown(hosts), shown(paths), shown(rules));
        let asks = on_one_line(asks);
        format!("{hosts:one$}  {paths:two$}  {rules:three$}  {asks}\n")
    });
    lines.collect()
}

fn json(files: &[Checked], strict: bool) -> Value {
    let finding =
        |finding: &Finding| json!({ "level": finding.level.name(), "text": finding.text });
    let section = |section: &Section| {
        json!({
            "place": section.place,
            "accepted": section.accepted(strict),
            "summary": section.summary,
            "findings": section.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    };
    let file = |file: &Checked| {
        let mut told = json!({
            "file": file.name,
            "accepted": file.accepted(strict),
            "sections": file.sections.iter().map(section).collect::<Vec<_>>(),
        });
        if let (Some(routes), Some(members)) = (&file.routes, told.as_object_mut()) {
            let routes = routes.iter().map(route).collect();
            members.insert("routes".to_owned(), Value::Array(routes));
        }
        told
    };
    json!({
        "version": 1,
        "accepted": files.iter().all(|file| file.accepted(strict)),
        "files": files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn route(route: &Route) -> Value {
    let gates = route.gates.iter();
    let gates = gates.map(
        |gate| json!({ "rules": gate.rules, "asks": gate.asks, "shadow_until": gate.shadow_until }),
    );
    json!({
        "place": route.place,
        "hosts": route.hosts,
        "paths": route.paths,
        "judged": route.unjudged().is_none(),
        "unjudged_because": route.unjudged(),
        "weakest": gates.collect::<Vec<_>>(),
    })
}

/// SARIF 2.1.0. Levels are its rules: what is wrong stands in the text, and what to write instead.
fn sarif(files: &[Checked]) -> Value {
    let rule = |level: Level| {
        json!({
            "id": level.name(),
            "shortDescription": { "text": level.meaning() },
            "defaultConfiguration": { "level": level.of_sarif() },
        })
    };
    let mut results = Vec::new();
    for file in files {
        for section in &file.sections {
            for finding in &section.findings {
                let place = section.place.iter();
                let places = place.map(|place| json!({ "fullyQualifiedName": place }));
                let location = json!({
                    "physicalLocation": { "artifactLocation": { "uri": file.name } },
                    "logicalLocations": places.collect::<Vec<_>>(),
                });
                results.push(json!({
                    "ruleId": finding.level.name(),
                    "level": finding.level.of_sarif(),
                    "message": { "text": finding.text },
                    "locations": [location],
                }));
            }
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "passgate",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": Level::ALL.map(rule),
                },
            },
            "results": results,
        }],
    })
}
