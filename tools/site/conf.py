"""Sphinx: the site is made from the documents as they lie in the repository."""

project = "passgate"
copyright = "the authors of passgate; Apache-2.0"

extensions = ["myst_parser"]
# As GitHub names them, so that one link serves both.
myst_heading_anchors = 4
suppress_warnings = [
    # Blocks that leave something out with an ellipsis are shown as they are.
    "misc.highlighting_failure",
    # A document that is cut out of a longer one may begin at any heading.
    "myst.header",
]

root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/**/*.md",
    "client/README.md",
    "core/tests/checklist.md",
    "tests/envoy/jwt_authn/differences.md",
]
html_theme = "furo"
html_title = "passgate"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

# The order of the side bar. GitHub shows README.md and docs/README.md in its place.
CONTENTS = {
    "Start": [
        "docs/README",
        "docs/install",
        "docs/guides/envoy",
        "docs/guides/*",
        "docs/rollout",
        "docs/browsers",
    ],
    "Reference": [
        "docs/reference/configuration",
        "docs/reference/*",
        "docs/facts",
        "docs/keys",
        "docs/approvals",
        "client/README",
        "docs/revocation",
        "docs/mcp",
        "docs/hosts",
        "docs/missing_filter",
        "docs/feed",
        "docs/passkeys-from-keycloak",
        "docs/limitations",
    ],
    "Operate": [
        "docs/operations",
        "docs/troubleshooting",
        "docs/observability",
        "docs/access-reviews",
        "docs/upgrade",
        "docs/cost",
        "docs/memory",
        "docs/verify",
        "docs/statements",
        "CHANGELOG",
    ],
    "Security": ["SECURITY", "docs/threat-model", "docs/security/*"],
    "Istio": ["docs/istio/README", "docs/istio/*"],
    "Providers": ["docs/providers/*"],
    "Background": [
        "docs/jwt_authn",
        "ARCHITECTURE",
        "CONTRIBUTING",
        "docs/decisions/README",
        "docs/decisions/*",
        "core/tests/checklist",
        "tests/envoy/jwt_authn/differences",
    ],
}


def add_contents(app, name, source):
    """The side bar, added to the first page while it is read."""
    if name == root_doc:
        for caption, pages in CONTENTS.items():
            entries = "\n".join(pages)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{entries}\n```\n"


def setup(app):
    app.connect("source-read", add_contents)
