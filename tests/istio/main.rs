//! Stories about the filter in a real Istio: the control plane, the agent, an API server and a
//! registry, as they are released, on a machine of their own (`tools/isolated`). They apply the
//! files of `istio/` as `make image` filled them in.
//!
//! `make test-istio` runs them. One mesh serves all stories; each story begins in a mesh without
//! plugins and policies.

mod harness;

mod bodies;
mod chart;
mod examples;
mod gateway;
mod guides;
mod images;
mod introspection;
mod kubectl;
mod mesh_wide;
mod migration;
mod mutual_tls;
mod peers;
mod people;
mod sidecar;
mod telemetry;
mod troubleshooting;
mod updates;
mod waypoint;
mod waypoint_attachments;
