# What is needed beforehand: Go, Node.js with npm, and gcc (see README.md).
# Everything else is fetched, pinned by digest, by the rules below.

SHELL := /bin/sh
GO    ?= go
DATA  ?= data
LISTEN ?= 127.0.0.1:8080

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SOURCES := $(shell find . -path ./tools -prune -o -path ./build -prune -o -name '*.go' -not -name '*_test.go' -print) \
           $(shell find internal -name '*.json' -o -name '*.sql') go.mod go.sum
TOOL    := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/sesuai ## Build bin/sesuai

# These are written only when they change: the library that comes or goes, and a
# new commit, rebuild what depends on them, and nothing else does.
.PHONY: FORCE

# The build tags that this machine allows: turbojpeg, or none.
build/tags: FORCE
	@mkdir -p build
	@scripts/turbojpeg.sh $@

TAGS = -tags "$$(cat build/tags)"

build/version: FORCE
	@mkdir -p build
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

bin/sesuai: $(SOURCES) build/tags build/version
	$(GO) build -trimpath $(TAGS) -ldflags '-X main.version=$(VERSION)' -o $@ ./cmd/sesuai

bin/demo: $(SOURCES) build/tags
	$(GO) build -trimpath $(TAGS) -o $@ ./demo

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

# Whether PostgreSQL is here is asked each time.
build/postgres: FORCE
	@mkdir -p build
	@scripts/postgres.sh $@

.PHONY: run
run: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Enrol demo people if nobody is on record, and serve
	bin/demo run --data $(DATA) --listen $(LISTEN)

.PHONY: demo
demo: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Print the eight documented outcomes as a table
	bin/demo table

.PHONY: test
test: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/sdk/.fetched build/postgres ## Run every test, with the race detector
	bin/demo cut
	$(GO) test $(TAGS) -race -shuffle=on -timeout 20m ./...
# The race detector makes the face pipeline ten times slower, so above its tests
# on photographs do a sample, which is enough to find a race. Here they do all,
# which is what their figures are judged by.
	$(GO) test $(TAGS) -v -shuffle=on -timeout 20m ./internal/face
	CGO_ENABLED=0 $(GO) build ./...

.PHONY: failover
failover: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/postgres ## Kill PostgreSQL servers, nodes and disks under load
	bin/demo cut
	FAILOVER=1 $(GO) test $(TAGS) -count=1 -v -timeout 20m ./test/failover

.PHONY: kill-import
kill-import: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Kill an import of all photographs for development
	bin/demo cut
	IMPORT_FACES=all $(GO) test $(TAGS) -count=1 -v -run TestKillImportOfFaces -timeout 30m ./test/kill

.PHONY: upstream
upstream: bin/sesuai bin/demo models/.fetched build/demo/.fetched ## Ask a failing sandbox of Dukcapil for UPSTREAM_MINUTES (default 20)
	bin/demo cut
	UPSTREAM_MINUTES=$${UPSTREAM_MINUTES:-20} $(GO) test $(TAGS) -count=1 -v -run TestMixedLoad -timeout 90m ./test/upstream

.PHONY: check
check: build/tags ## Run the linters
	$(GO) vet ./...
	$(GO) vet $(TAGS) ./...
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck $(TAGS) ./...
	@unformatted="$$($(TOOL) gofumpt -l .)"; if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; fi
	@dead="$$($(TOOL) deadcode -test ./...)"; if [ -n "$$dead" ]; then echo "never called:"; echo "$$dead"; exit 1; fi
	@$(GO) mod tidy -diff

.PHONY: bench
bench: bin/sesuai bin/demo models/.fetched build/demo/.fetched build/peer/.fetched ## Measure speed and memory, as ratios in one run
	bin/demo bench
	bin/demo bench-upstream
	bin/demo bench-import

.PHONY: fuzz
fuzz: build/tags ## Fuzz each parser and decoder for FUZZTIME (default 1m)
	scripts/fuzz.sh $${FUZZTIME:-1m}

.PHONY: clean
clean: ## Remove what was built and fetched; never the data folder
	rm -rf bin build models
