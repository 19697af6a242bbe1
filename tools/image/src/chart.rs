//! The Helm chart as an artifact: what `helm push` would make of the archive, without the time at
//! which it would be made, so that it has one digest everywhere.

use crate::form::annotation;
use crate::layout::{Blob, Image};
use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use std::error::Error;
use std::io::Read as _;
use std::path::Path;

/// The artifact that holds this archive, which `helm package` could have made.
///
/// # Errors
///
/// When it is not the archive of a chart.
pub(crate) fn image(archive: &[u8]) -> Result<Image, Box<dyn Error>> {
    let chart = metadata(archive)?;
    let labels = ["name", "description", "version"].map(|member| {
        let text = chart.get(member).and_then(Value::as_str);
        // Helm's own words for the same.
        let name = if member == "name" { "title" } else { member };
        annotation(name, text.unwrap_or_default())
    });
    let config = chart.to_string().into_bytes();
    let config = Blob::new("application/vnd.cncf.helm.config.v1+json", config);
    let layer = Blob::new(
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        archive.to_vec(),
    );
    Ok(Image::of(config, vec![layer], Map::from_iter(labels)))
}

/// `Chart.yaml`, which lies in the one folder of the archive.
fn metadata(archive: &[u8]) -> Result<Value, Box<dyn Error>> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let is_of_chart = path.parent().and_then(Path::parent) == Some(Path::new(""));
        if is_of_chart && path.file_name().is_some_and(|name| name == "Chart.yaml") {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            return Ok(serde_saphyr::from_str(&text)?);
        }
    }
    Err("the archive holds no Chart.yaml".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Entry, Layer};
    use serde_json::json;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let entries: Vec<Entry<'_>> = files
            .iter()
            .map(|(name, text)| Entry::File(name, 0o644, text.as_bytes()))
            .collect();
        Layer::of(&entries).unwrap().gzip
    }

    #[test]
    fn the_artifact_says_what_the_chart_says_of_itself() {
        let archive = archive(&[
            ("passgate/charts/other/Chart.yaml", "name: other"),
            (
                "passgate/Chart.yaml",
                "name: passgate\nversion: 1.2.3 # of it\n",
            ),
        ]);
        let image = image(&archive).unwrap();
        let [config, layer] = image.blobs.as_slice() else {
            unreachable!("a configuration and a layer");
        };
        let config: Value = serde_json::from_slice(&config.content).unwrap();
        assert_eq!(config, json!({ "name": "passgate", "version": "1.2.3" }));
        assert_eq!(layer.content, archive);
        let manifest: Value = serde_json::from_slice(&image.manifest.content).unwrap();
        let annotations = &manifest["annotations"];
        assert_eq!(annotations["org.opencontainers.image.title"], "passgate");
        assert_eq!(annotations["org.opencontainers.image.version"], "1.2.3");
    }

    #[test]
    fn what_is_not_a_chart_is_refused() {
        let refused = |archive: &[u8]| image(archive).err().map(|error| error.to_string());
        let other = archive(&[("passgate/charts/other/Chart.yaml", "name: other")]);
        let said = refused(&other).unwrap();
        assert!(said.contains("no Chart.yaml"), "{said}");
        assert!(refused(b"not an archive").is_some());
    }
}
