# Needed beforehand: Go, Node.js with npm, and gcc (README.md). The rules below
# fetch everything else, pinned by digest. As root on Debian they also install
# two system packages: see the targets run and test.

SHELL := /bin/sh
GO    ?= go
DATA  ?= data
LISTEN ?= 127.0.0.1:8080

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SOURCES := $(shell find . -path ./tools -prune -o -path ./build -prune -o -name '*.go' -not -name '*_test.go' -print) \
           $(shell find internal -name '*.json' -o -name '*.sql' -o -name '*.yaml' -o -name '*.html' -o -name '*.css' -o -name '*.mjs' -o -name '*.svg') cmd/sesuai/licenses.txt go.mod go.sum
TOOL    := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/sesuai ## Build bin/sesuai

# These files are written only when their content changes, so that a rebuild
# follows a library that was installed or removed and a new commit, and nothing
# else.
.PHONY: FORCE

# The build tags for this machine: turbojpeg, or none. As root on Debian the
# library is installed if it is missing, once.
build/tags: FORCE
	@mkdir -p build
	@scripts/turbojpeg.sh $@

TAGS = -tags "$$(cat build/tags)"

build/version: FORCE
	@mkdir -p build
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

# A position-independent executable. Everything that is built without the race detector
# has these flags, so that each package is compiled once.
BUILD := -trimpath -buildmode=pie

# It binds all symbols when it starts, after which their table is read-only (full RELRO).
bin/sesuai: $(SOURCES) build/tags build/version
	$(GO) build $(BUILD) $(TAGS) -ldflags '-bindnow -X main.version=$(VERSION)' -o $@ ./cmd/sesuai

bin/demo: $(SOURCES) build/tags
	$(GO) build $(BUILD) $(TAGS) -o $@ ./demo

.PHONY: models
models: models/.fetched ## Fetch the face models and ONNX Runtime

models/.fetched: third_party/models.lock scripts/fetch.sh
	scripts/fetch.sh $<
	@touch $@

build/demo/.fetched: third_party/demo.lock scripts/fetch.sh
	scripts/fetch.sh $<
	@touch $@

build/sdk/.fetched: third_party/sdk.lock scripts/fetch.sh
	scripts/fetch.sh $<
	@touch $@

build/peer/.fetched: demo/peer/package.json demo/peer/package-lock.json
	@mkdir -p build/peer
	cp demo/peer/package.json demo/peer/package-lock.json build/peer/
	cd build/peer && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# npm packages that are tools, each with its dependencies pinned by digest.
build/%/.fetched: tools/%/package.json tools/%/package-lock.json
	@mkdir -p build/$*
	cp $^ build/$*/
	cd build/$* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# Checked each time. As root on Debian PostgreSQL is installed if it is missing,
# once.
build/postgres: FORCE
	@mkdir -p build
	@scripts/postgres.sh $@

# As build/postgres.
build/chromium: FORCE
	@mkdir -p build
	@scripts/chromium.sh $@

# As build/postgres.
build/patroni: FORCE
	@mkdir -p build
	@scripts/patroni.sh $@

.PHONY: run
run: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Enrol demo people and serve (DATA=data LISTEN=127.0.0.1:8080); as root on Debian it installs libjpeg-dev
	bin/demo run --data $(DATA) --listen $(LISTEN)

.PHONY: run-dukcapil
run-dukcapil: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Enrol demo people with a sandbox of Dukcapil, and serve it and Sesuai in front of it (DATA, LISTEN)
	bin/demo run-dukcapil --data $(DATA) --listen $(LISTEN)

.PHONY: demo
demo: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Print the eight documented answers as a table
	bin/demo table

# The race detector makes computing up to ten times slower. SEQUENTIAL packages
# start no goroutines, so it would find nothing in them. Of LONG packages all tests run
# without it, and under it those of concurrency (-short: process.Slow). Every other
# package runs under it alone.
SEQUENTIAL := ./cmd/sesuai ./internal/evaluation/report ./internal/name ./internal/policy ./internal/synthetic ./test/accuracy ./test/attack ./test/console ./test/timing
LONG       := ./internal/app ./internal/enrol ./internal/evaluation ./internal/face ./internal/people ./internal/recorder ./internal/rows

# make check has vetted already.
TEST = $(GO) test $(TAGS) -vet=off -shuffle=on -timeout 20m

# SQLite is C that was translated to Go. The checks of its pointers, which come with
# the race detector, would take a quarter of the time of the tests of storage, and
# looking for races in its own code a third of the rest. The driver, to which our
# memory is passed, is still looked at.
RACE = -race '-gcflags=modernc.org/...=-d=checkptr=0' \
	'-gcflags=modernc.org/sqlite/lib=-d=checkptr=0 -race=false' '-gcflags=modernc.org/libc/...=-d=checkptr=0 -race=false'

.PHONY: test
test: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/sdk/.fetched build/console/.fetched build/postgres build/chromium ## Run every test; as root on Debian it also installs postgresql-15 and chromium
	bin/demo cut
	$(MAKE) -j2 --output-sync=target test-race test-plain test-short
	CGO_ENABLED=0 $(GO) build ./...

# Two of them run at the same time, since tests wait for a disk or a server now and then.
test-plain: FORCE
	$(TEST) $(BUILD) $(LONG) $(SEQUENTIAL)
test-short: FORCE
	$(TEST) $(RACE) -short $(LONG)
test-race: FORCE
	others="$$($(GO) list ./... | grep -vxF "$$($(GO) list $(SEQUENTIAL) $(LONG))")" && $(TEST) $(RACE) $$others

.PHONY: screenshots
screenshots: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/console/.fetched build/chromium ## Write a picture of each page of the console to build/screenshots
	rm -rf build/screenshots && mkdir -p build/screenshots
	SCREENSHOTS=$(CURDIR)/build/screenshots $(GO) test $(TAGS) -count=1 -v -timeout 10m ./test/console

.PHONY: photographs
photographs: bin/demo models/.fetched build/demo/.fetched ## Run the tests of the face engine on every development photograph
	bin/demo cut
	PHOTOGRAPHS=all $(GO) test $(TAGS) -count=1 -v -timeout 90m ./internal/face ./test/accuracy

.PHONY: failover
failover: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres build/patroni ## Kill and cut off servers under Patroni and nodes behind HAProxy, under load, as root; on Debian it installs patroni, etcd-server and haproxy
	bin/demo cut
	FAILOVER=1 $(GO) test $(TAGS) -count=1 -v -timeout 40m ./test/failover

.PHONY: faults
faults: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Have the disk, the database file, file handles and memory fail under a running service, as root
	bin/demo cut
	FAULTS=1 $(GO) test $(TAGS) -count=1 -v -timeout 40m ./test/faults

.PHONY: kill-import
kill-import: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Kill an import of all photographs for development
	bin/demo cut
	IMPORT_FACES=all $(GO) test $(TAGS) -count=1 -v -run TestKillImportOfFaces -timeout 60m ./test/kill

.PHONY: batch
batch: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres ## Kill a batch of BATCH_ROWS rows (default 10000), and measure batches
	bin/demo cut
	BATCH_ROWS=$${BATCH_ROWS:-10000} $(GO) test $(TAGS) -count=1 -v -timeout 90m ./test/batch

.PHONY: privacy
privacy: build/postgres ## Report and erase 50 people among PRIVACY_PEOPLE (default 100000), with backups, on both engines
	PRIVACY_PEOPLE=$${PRIVACY_PEOPLE:-100000} $(GO) test $(TAGS) -count=1 -v -timeout 90m ./test/privacy

.PHONY: backup-load
backup-load: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres ## Back up under load, and restore, with the verdicts of BACKUP_PEOPLE (default 500); kill both; upgrade and go back
	bin/demo cut
	BACKUP_PEOPLE=$${BACKUP_PEOPLE:-500} $(GO) test $(TAGS) -count=1 -v -timeout 60m ./test/backup

.PHONY: upstream
upstream: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Verify against a failing sandbox of Dukcapil for UPSTREAM_MINUTES (default 20)
	bin/demo cut
	UPSTREAM_MINUTES=$${UPSTREAM_MINUTES:-20} $(GO) test $(TAGS) -count=1 -v -run TestMixedLoad -timeout 90m ./test/upstream

.PHONY: overload
overload: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Overload a server twice, each for OVERLOAD_MINUTES (default 10), on a machine that does nothing else
	bin/demo cut
	OVERLOAD_MINUTES=$${OVERLOAD_MINUTES:-10} $(GO) test $(TAGS) -count=1 -v -run 'TestOverload|TestLastingOverload' -timeout 90m ./test/overload

.PHONY: timing
timing: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres ## Compare the times of answers over TIMING_SAMPLES (default 2000) of each kind, on a machine that does nothing else
	bin/demo cut
	TIMING_SAMPLES=$${TIMING_SAMPLES:-2000} $(GO) test $(TAGS) -count=1 -v -timeout 60m ./test/timing

# Not installed: a service would start with the machine.
build/prometheus/.fetched: scripts/prometheus.sh
	scripts/prometheus.sh build/prometheus
	@touch $@

.PHONY: alerts
alerts: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/prometheus/.fetched ## Check the rules and the dashboard with a Prometheus of Debian, under a load of ALERTS_MINUTES (default 0.75)
	bin/demo cut
	PROMETHEUS=$(CURDIR)/build/prometheus/usr/bin ALERTS_MINUTES=$${ALERTS_MINUTES:-0.75} $(GO) test $(TAGS) -count=1 -v -timeout 20m ./test/alerts

.PHONY: openapi
openapi: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/prism/.fetched ## Send generated requests through a validating proxy, OPENAPI_REQUESTS (default 200) of each kind
	OPENAPI_PROXY=1 $(GO) test $(TAGS) -count=1 -v -timeout 60m ./test/openapi -rapid.checks=$${OPENAPI_REQUESTS:-200} -rapid.nofailfile

.PHONY: attacks
attacks: models/.fetched build/tags ## Climb to faces, enumerate NIKs and find data by asking, and print what it takes
	ATTACKS=1 $(GO) test $(TAGS) -count=1 -v -timeout 4h ./test/attack

.PHONY: tamper
tamper: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres ## Tamper with the audit trail AUDIT_TAMPERINGS times (default 1000), and end a server on each engine SERVE_KILLS times (default 100) by SIGKILL or SIGTERM
	bin/demo cut
	AUDIT_TAMPERINGS=$${AUDIT_TAMPERINGS:-1000} $(GO) test -count=1 -v -run '^Test(Random|Rewritten)' -timeout 60m ./internal/audit
	SERVE_KILLS=$${SERVE_KILLS:-100} $(GO) test $(TAGS) -count=1 -v -run '^TestKillServe' -timeout 90m ./test/kill

# TAGGED packages have files that the build tags choose. The linters look at all
# packages as this machine builds them, and at these without the tags as well.
TAGGED := ./internal/face/turbo

# Redocly sends nothing and asks for no newer version.
REDOCLY = REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true build/redocly/node_modules/.bin/redocly

.PHONY: check
check: build/tags build/redocly/.fetched security ## Run the linters
	$(GO) vet $(BUILD) $(TAGS) ./...
	$(GO) vet $(TAGGED)
	$(TOOL) staticcheck $(TAGS) ./...
	$(TOOL) staticcheck $(TAGGED)
	@unformatted="$$($(TOOL) gofumpt -l .)"; if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi
	@dead="$$($(TOOL) deadcode -test ./...)"; if [ -n "$$dead" ]; then echo "never called:"; echo "$$dead"; exit 1; fi
	@$(GO) mod tidy -diff
	$(REDOCLY) lint --config tools/redocly/redocly.yaml internal/openapi/openapi.yaml

.PHONY: security
security: build/tags ## Run gosec; tools/gosec/accepted.txt has what is accepted, and why
	$(GO) build -C tools -o ../build/gosec ./gosec
	build/gosec $(TAGS) ./...

.PHONY: docs
docs: bin/sesuai models/.fetched ## Write what is generated: pages of docs, the table of errors, the licences
	$(GO) test $(TAGS) -count=1 -run '^TestReference$$' ./internal/app -update
	$(GO) test -count=1 -run '^TestErrorTable$$' ./internal/openapi -update
	$(GO) test -count=1 -run '^TestTable$$' ./internal/subject -update
	$(GO) test $(TAGS) -count=1 -run '^TestLicenses$$' ./cmd/sesuai -update

.PHONY: bench
bench: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/peer/.fetched build/postgres ## Measure speed and memory, as ratios in one run
	bin/demo bench
	bin/demo bench-images
	bin/demo bench-registry
	$(GO) test $(TAGS) -count=1 -run '^$$' -bench '^Benchmark(DataVerification|SignedAnswer|Limits)$$' -benchtime 5s ./internal/bench
	AUDIT_EVENTS=100000 $(GO) test -count=1 -run '^$$' -bench '^BenchmarkVerifyTrail$$' -benchtime 5x ./internal/audit
	$(MAKE) bench-search
	bin/demo bench-upstream
	bin/demo bench-import

.PHONY: bench-search
bench-search: ## Measure searches of the console in a trail of SEARCH_EVENTS events (default 1,000,000)
	SEARCH_EVENTS=$${SEARCH_EVENTS:-1000000} $(GO) test $(TAGS) -count=1 -run '^$$' -bench '^BenchmarkSearchTrail$$' -benchtime 100x -timeout 30m ./internal/console

.PHONY: fuzz
fuzz: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Fuzz each parser and decoder for FUZZTIME (default 1m), and the service
	scripts/fuzz.sh $${FUZZTIME:-1m} $$(nproc)
	bin/demo cut
	MUTATIONS=1000 $(GO) test $(TAGS) -count=1 -v -run TestMutatedPhotographs -timeout 30m ./test/kill

build/release-tool: FORCE
	@mkdir -p build
	$(GO) build -C tools -o ../build/release-tool ./release

.PHONY: release
release: build/release-tool ## Make tarballs, Debian packages, an image and SBOMs of the commit in build/release; on Debian, amd64
	build/release-tool

# The second one is made in another folder, of a clone.
.PHONY: release-twice
release-twice: release ## Make the release once more, and compare the digests
	rm -rf build/again
	git clone --quiet . build/again
	build/release-tool -top build/again -out build/again/build/release
	diff build/release/SHA256SUMS build/again/build/release/SHA256SUMS
	rm -rf build/again

.PHONY: release-check
release-check: ## Install what make release has made in clean roots, and run it there; as root on Debian
	RELEASE=$(CURDIR)/build/release $(GO) test -C tools -count=1 -v -timeout 60m ./release

.PHONY: clean
clean: ## Remove what was built and fetched, but never the data folder
	rm -rf bin build models
