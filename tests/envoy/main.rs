//! Stories about the filter inside a real Envoy: one file each.
//!
//! They start the bootstrap that is shipped in `envoy/` (the harness only changes ports and, where
//! a story needs its own, the plugin configuration), and speak to it as clients do. Envoy is
//! `$ENVOY`, or the one that `make tools` brought; the module is `$PASSGATE_WASM`, or
//! `dist/passgate.wasm`.

mod algorithms;
mod approvals;
mod authorities;
mod bodies;
mod bodies_held;
mod certificates;
mod claims;
mod configuration;
mod connections;
mod cookies;
mod credentials;
mod dpop;
mod evidence;
mod flood;
mod grpc;
mod held;
mod holders;
mod host_crypto;
mod identity_headers;
mod instances;
mod introspection;
mod jwt_authn;
mod keys;
mod keys_clock;
mod keys_discovery;
mod keys_odd;
mod keys_outage;
mod keys_refresh;
mod keys_rotation;
mod leaving;
mod limits;
mod login;
mod many_keys;
mod methods;
mod missing_filter;
mod observability;
mod odd_bytes;
mod paths;
mod patterns;
mod peers;
mod public_rules;
mod rbac_and_routes;
mod refusals;
mod reload;
mod remembered;
mod resource_metadata;
mod revocations;
mod rules;
mod sessions;
mod shadow;
mod shipped;
mod spoofing;
mod step_up;
mod streams;
mod streams_at_once;
mod switched_off;
mod tenants;
mod tls;
mod token_sources;
mod waiting;
mod ways;
