//! Helm: what it installs from the chart, for the time of a story.

use super::mesh::Story;
use super::program::run;
use super::workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A release. It ends with the story.
pub struct Release<'a> {
    mesh: &'a Story,
    name: &'static str,
    namespace: &'static str,
}

impl<'a> Release<'a> {
    /// `helm install` of this chart, a folder or one in a registry, with these arguments.
    #[track_caller]
    pub fn install(
        mesh: &'a Story,
        name: &'static str,
        namespace: &'static str,
        chart: &str,
        arguments: &[&str],
    ) -> Self {
        let release = Self {
            mesh,
            name,
            namespace,
        };
        release.change("install", &[&[chart], arguments].concat());
        release
    }

    /// `helm upgrade` or another command that takes the release's name, with these arguments.
    #[track_caller]
    pub fn change(&self, command: &str, arguments: &[&str]) {
        run(self.helm().args([command, self.name]).args(arguments));
    }

    fn helm(&self) -> Command {
        let mut helm = helm(self.mesh);
        helm.args(["--namespace", self.namespace, "--kubeconfig"])
            .arg(self.mesh.folder().join("kubeconfig"));
        helm
    }
}

/// Helm, which has no settings.
fn helm(mesh: &Story) -> Command {
    let mut helm = Command::new(workspace().join(".tools/helm/helm"));
    let home = mesh.folder().join("helm");
    helm.env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"));
    helm
}

/// What `helm template` writes of this chart for the gateway's namespace, with these arguments.
#[track_caller]
pub fn template(mesh: &Story, chart: &Path, arguments: &[&str]) -> String {
    let to = ["template", "passgate", "--namespace", "istio-ingress"];
    run(helm(mesh).args(to).arg(chart).args(arguments))
}

/// Carries this chart to the registry, where a release would be; gives its name there.
#[track_caller]
pub fn push(mesh: &Story, chart: &Path) -> &'static str {
    let folder = mesh.folder().join("packages");
    run(helm(mesh)
        .arg("package")
        .arg(chart)
        .arg("--destination")
        .arg(&folder));
    run(helm(mesh)
        .arg("push")
        .arg(folder.join("passgate-0.1.0.tgz"))
        .arg("oci://registry.example.com/charts"));
    "oci://registry.example.com/charts/passgate"
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        // A story that fails leaves nothing to the next one either.
        let _ = self.helm().args(["uninstall", self.name]).output();
    }
}

/// A copy of the chart as `make image` filled it in, with this version and this image.
pub fn chart(mesh: &Story, version: &str, digest: &str) -> PathBuf {
    let target = mesh.folder().join(format!("chart-{version}"));
    let _ = fs::remove_dir_all(&target);
    copy(&workspace().join("dist/kubernetes/helm/passgate"), &target);
    let replace = |file: &str, from: &str, to: &str| {
        let path = target.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    replace("Chart.yaml", "ersion: 0.1.0", &format!("ersion: {version}"));
    replace("values.yaml", &mesh.image_digest("oci"), digest);
    target
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
