//! What the Helm chart and the kustomize bases of `kubernetes/` write: linted, rendered, and judged
//! by `passgate check` and `passgate-feed --check`. No cluster is needed; `tests/istio/chart.rs`
//! has one. `make test-charts` runs them on the chart as `make image` filled it in.

mod attachments;
mod feed;
mod harness;
mod kustomize;
mod monitoring;
mod plugin;
mod refusals;
