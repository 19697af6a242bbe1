//! Whether Istio has the clusters from which a plugin fetches: one of `outbound|443||HOST` is there
//! if a ServiceEntry, or a Service, has that host.

use std::collections::BTreeSet;

use passgate_core::Json;

use crate::{
    off,
    sign::elements,
    unseen::{namespace, text},
};

/// The hosts that resources add to a mesh, and those that plugins want.
#[derive(Default)]
pub(crate) struct Hosts {
    known: BTreeSet<String>,
    /// The index of the file, the place of the configuration in it, the cluster and its host.
    wanted: Vec<(usize, String, String, String)>,
}

impl Hosts {
    /// Adds what these documents of a file have.
    pub(crate) fn add(&mut self, documents: &[Json]) {
        off::each_of(documents, &mut |resource, _| {
            let spec = resource.get("spec");
            match text(resource, "kind") {
                Some("ServiceEntry") => {
                    let hosts = elements(spec.and_then(|it| it.get("hosts"))).iter();
                    let hosts = hosts.filter_map(Json::as_str);
                    self.known.extend(hosts.map(str::to_owned));
                }
                Some("Service") => {
                    let metadata = resource.get("metadata");
                    let name = metadata.and_then(|it| text(it, "name")).unwrap_or_default();
                    let namespace = namespace(resource);
                    self.known
                        .insert(format!("{name}.{namespace}.svc.cluster.local"));
                }
                _ => {}
            }
        });
    }

    /// A configuration of the file with this index wants a cluster.
    pub(crate) fn want(&mut self, file: usize, place: &str, cluster: &str) {
        let host = cluster
            .strip_prefix("outbound|")
            .and_then(|it| it.rsplit_once('|'));
        if let Some((_, host)) = host {
            let wanted = (file, place.to_owned(), cluster.to_owned(), host.to_owned());
            self.wanted.push(wanted);
        }
    }

    /// The clusters that nothing adds, with the index of the file and the place.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (usize, &str, String)> {
        let is_known = |host: &str| {
            let is_same = |known: &String| match known.strip_prefix('*') {
                Some(end) => host.ends_with(end),
                None => known == host,
            };
            self.known.iter().any(is_same)
        };
        let missing = self
            .wanted
            .iter()
            .filter(move |(_, _, _, host)| !is_known(host));
        missing.map(|(file, place, cluster, host)| {
            let told = format!("the cluster {cluster:?} is one of Istio's if a ServiceEntry has the host {host}, and none of these files has one; without it nothing can be fetched and requests get 503 (istio/identity-provider.yaml)");
            (*file, &**place, told)
        })
    }
}
