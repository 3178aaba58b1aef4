# Targets with a `## text` are listed by `make help`.
SHELL := /bin/sh
# The pinned Node comes from its own package: npm 9, which Debian 12 and 13 have, makes no link to it in node_modules/.bin.
PINNED_NODE := $(CURDIR)/node_modules/node-linux-$(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))/bin
PATH := $(PINNED_NODE):$(CURDIR)/node_modules/.bin:$(CURDIR)/tools/node_modules/.bin:$(PATH)
export PATH
# The certificates that the administrator added to this machine count, as they do for the system's own programs.
export NODE_USE_SYSTEM_CA ?= 1
ARGS ?=
TESTS ?= {packages/*/src/**,tools,tools/fresh}/*.test.ts
# Compiled code is kept for the next process: most of a test file's time goes into loading what it tests.
NODE_TEST := NODE_COMPILE_CACHE=$(CURDIR)/node_modules/.cache/tests node --test --test-global-setup=packages/testkit/src/test-setup.ts

# With a vars.yml in place `make` alone deploys as that says; without one it lists the targets.
.DEFAULT_GOAL := $(if $(wildcard vars.yml),deploy,help)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{ printf "  %-18s %s\n", $$1, $$2 }'

.PHONY: up
up: root setup ## Run the whole system on this machine (ARGS="--port 8080 --no-example")
	@exec node packages/cli/src/main.ts up $(ARGS)

.PHONY: deploy
deploy: node_modules/.installed ## Deploy into the OpenShift or Kubernetes that you are logged in to, as vars.yml says
	@exec node packages/cli/src/main.ts deploy $(ARGS)

.PHONY: up-containers
up-containers: node_modules/.installed ## Run the objects of a deployment on this machine with podman (ARGS="--port 8080")
	@tools/install-system-packages.sh images
	@exec node packages/cli/src/main.ts containers up $(ARGS)

.PHONY: down-containers
down-containers: node_modules/.installed ## End what up-containers runs; data stays (ARGS=--volumes removes it)
	@exec node packages/cli/src/main.ts containers down $(ARGS)

.PHONY: setup
setup: system-packages node_modules/.installed ## Install what the system needs, and nothing that is there already

.PHONY: root
root:
	@[ "$$(id -u)" = 0 ] || { echo "make up needs root: it creates namespaces, mounts and buildroots, and installs packages into them. Run: sudo make up" >&2; exit 1; }

.PHONY: system-packages
system-packages:
	@tools/install-system-packages.sh

node_modules/.installed: package.json package-lock.json $(wildcard packages/*/package.json)
	@tools/install-system-packages.sh node
	@echo "Installing npm packages"
	@tools/install-npm-packages.sh . ci
	@tools/check-node.sh
	@touch $@

tools/node_modules/.installed: tools/package.json | node_modules/.installed
	@echo "Installing linters"
	@tools/install-npm-packages.sh tools install --no-package-lock
	@touch $@

.PHONY: test
test: setup ## Run the unit and integration tests (TESTS=packages/rpm/src/*.test.ts for some)
	@tools/install-system-packages.sh test
	@groups=$$(mktemp -d) && trap 'rm -rf "$$groups"' EXIT INT TERM && \
		node tools/group-tests.ts "$$groups" '$(TESTS)' > "$$groups/files" && \
		$(NODE_TEST) --test-concurrency=$$(nproc) $$(cat "$$groups/files")

.PHONY: test-steady
test-steady: setup ## List the tests that depend on time or order; ARGS="--run 100" runs each that often on busy cores
	@tools/install-system-packages.sh test
	@NODE_COMPILE_CACHE=$(CURDIR)/node_modules/.cache/tests node tools/test-steady.ts $(ARGS)

.PHONY: fuzz
fuzz: node_modules/.installed ## Fuzz what reads the input of users (TARGET=form, multipart, json, webhook, comps, rpm-header, cpio or xz; MINUTES=20 SEED=1)
	@node tools/fuzz/fuzz.ts $(TARGET) $(MINUTES) $(SEED)

.PHONY: test-builds
test-builds: setup ## Run the tests of builds in the sandbox: macros, sources, limits, attacks
	@tools/install-system-packages.sh test
	@$(NODE_TEST) --test-concurrency=$$(nproc) 'packages/builder/builds/*.test.ts'

.PHONY: test-malformed
test-malformed: setup ## Send malformed values to every field of every route, page, form and webhook
	@tools/install-system-packages.sh test
	@$(NODE_TEST) --test-concurrency=$$(nproc) 'packages/frontend/malformed/*.test.ts'

.PHONY: test-system
test-system: setup ## Run the whole-system tests: real builds of real packages, bad input, crashes
	@tools/install-system-packages.sh test
	@$(NODE_TEST) --test-concurrency=1 'e2e/system/**/*.test.ts'

.PHONY: test-corpus
test-corpus: setup ## Build a tenth of the corpus of packages in the mini distribution, another one each day (ARGS="NAME ..." for some)
	@tools/install-system-packages.sh test
	@node tools/corpus/build-corpus.ts $(or $(ARGS),--today)

.PHONY: test-clients
test-clients: setup ## Run the stock copr-cli, python-copr, Packit library and dnf plugin against the whole system
	@tools/install-system-packages.sh clients
	@$(NODE_TEST) --test-concurrency=1 'e2e/clients/**/*.test.ts'

.PHONY: test-upstream
test-upstream: setup ## Run upstream Copr's own tests, unmodified, against this system (CHECKOUT=DIR of Copr, ARGS="--suite api")
	@tools/install-system-packages.sh upstream
	@node tools/test-upstream.ts $(ARGS) $(CHECKOUT)

.PHONY: test-cluster
test-cluster: setup ## Run the tests against a real Kubernetes API server, built from Go modules at the first time
	@tools/install-system-packages.sh cluster
	@node tools/build-cluster.ts
	@$(NODE_TEST) --test-concurrency=1 '{packages/*,e2e}/cluster/**/*.test.ts'

.PHONY: test-clouds
test-clouds: setup ## Run the AWS provider and the results store with the real SDK against a server of EC2 and S3 on this machine
	@tools/install-system-packages.sh clients
	@$(NODE_TEST) --test-concurrency=1 '{packages/*,e2e}/clouds/**/*.test.ts'

.PHONY: test-fresh
test-fresh: setup ## Try make up in bare roots: Debian 12 and 13, and RPMs alone (ARGS="debian-12 --working-tree")
	@tools/install-system-packages.sh fresh
	@node tools/test-fresh.ts $(ARGS)

.PHONY: test-specs
test-specs: setup ## Build each spec of a folder with Debian's tarballs in the mini distribution (SPECS=DIR, ARGS="--only NAME")
	@node tools/test-specs.ts $(ARGS) $(SPECS)

.PHONY: mutations
mutations: setup ## Put faults into a copy of the code, one at a time, and say which the tests catch (ARGS="NAME ..." for some)
	@tools/install-system-packages.sh test
	@NODE_COMPILE_CACHE=$(CURDIR)/node_modules/.cache/tests node tools/run-mutations.ts $(ARGS)

.PHONY: drills
drills: setup ## Run the trials that are too long for every change (ARGS=NAME for one)
	@tools/install-system-packages.sh fresh
	@node tools/run-drills.ts $(ARGS)

.PHONY: check
check: node_modules/.installed tools/node_modules/.installed ## Check types, lint, format, dead code and words
	tsc -p .
	oxlint --type-aware --quiet packages e2e tools bench
	oxfmt --check packages e2e tools bench
	knip --no-config-hints
	node tools/check-words.ts

.PHONY: format
format: tools/node_modules/.installed ## Format the code in place
	oxfmt packages e2e tools bench

.PHONY: schema
schema: setup ## Write the database's row types, the schemas of vars.yml and the configuration reference
	node tools/generate-vars-schema.ts
	node tools/generate-configuration-reference.ts
	node tools/generate-schema.ts
	oxfmt packages/domain/src/database/schema.ts

.PHONY: bench-overhead
bench-overhead: setup ## Measure the time from submit to installable beyond rpmbuild itself
	node bench/overhead.ts

.PHONY: bench-first-start
bench-first-start: setup ## Measure the first and the second make up, step by step, in a fresh root of Debian 12 (ARGS=RUNS)
	@tools/install-system-packages.sh fresh
	@node bench/first-start.ts $(ARGS)

.PHONY: bench-api
bench-api: setup ## Measure every page and every read of the API with a million builds (ARGS=FOLDER keeps the database)
	@node bench/api.ts $(ARGS)

.PHONY: bench-edges
bench-edges: setup ## Measure ordinary pages while others misuse the site (ARGS=SECONDS for each case)
	@node bench/edges.ts $(ARGS)

.PHONY: bench-neighbors
bench-neighbors: setup ## Measure a build while another on the same machine misuses it (ARGS=ROUNDS)
	@node bench/neighbors.ts $(ARGS)

.PHONY: images
images: ## Build the container images with buildah, and lock their digests (ARGS="--verify" builds twice and compares)
	@tools/install-system-packages.sh images
	@images/build $(ARGS)

.PHONY: simulate-fleet
simulate-fleet: setup ## Run a day of 42,000 builds on 400 pretended machines with the real manager (ARGS="FILE.svg HOURS")
	@node bench/simulate-fleet.ts $(ARGS)

.PHONY: test-images
test-images: setup images ## Try the images: a whole build through them, restricted as in a cluster
	@tools/install-system-packages.sh test
	@$(NODE_TEST) --test-concurrency=1 'e2e/images/**/*.test.ts'

.PHONY: test-deployment
test-deployment: setup ## Deploy into a cluster whose pods really run, after make images: build there, install over the Ingress
	@tools/install-system-packages.sh cluster
	@tools/install-system-packages.sh images
	@node tools/build-cluster.ts
	@$(NODE_TEST) --test-concurrency=1 'e2e/deployment/**/*.test.ts'

.PHONY: clean
clean: ## Remove installed npm packages (data in .copr stays)
	rm -rf node_modules tools/node_modules
