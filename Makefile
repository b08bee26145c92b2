# Thin on purpose: each target is the command that a person would type. CI (.ci/run) only calls these.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PREFIX  ?= /usr/local
SBINDIR ?= /sbin
UNITDIR ?= $(PREFIX)/lib/systemd/system
GO      ?= go

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SYSTEMS     := linux/amd64 linux/arm64 windows/amd64 windows/arm64 darwin/amd64 darwin/arm64
BUILDFLAGS  := -trimpath -ldflags '-X main.version=$(VERSION)'
FUZZTIME    ?= 10s

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/shmfs, static
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o bin/shmfs ./cmd/shmfs

.PHONY: demo
demo: build ## two programs in two languages share 1 GiB, start to end (as root)
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/demo-writer ./integration/demo/writer
	@integration/demo/demo.sh

.PHONY: demo-leak
demo-leak: build ## a Python pool on /dev/shm and on shmfs, both killed: what each leaves behind (as root)
	@integration/demo/leak.sh

.PHONY: test
test: build ## unit tests, race detector, real mounts; skipped tests are listed with their reasons
	$(GO) run ./integration/house/report -race -timeout 30m ./...

.PHONY: race
race: ## the rooms that need no mount, three times under the race detector
	$(GO) test -race -count 3 ./regions/... ./policy/... ./backends/... ./fs ./control/...

.PHONY: lint
lint: ## gofmt, vet, staticcheck, house rules
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "run gofmt -w on:" $$unformatted; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./integration/house

.PHONY: cross
cross: $(addprefix cross-,$(SYSTEMS)) ## go vet for linux, windows and darwin on amd64 and arm64

.PHONY: $(addprefix cross-,$(SYSTEMS))
$(addprefix cross-,$(SYSTEMS)): cross-%:
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) $(GO) vet ./...

.PHONY: bench
bench: build ## speed beside tmpfs and go-fuse's loopback, into docs/benchmarks.md (as root, tens of minutes)
	CGO_ENABLED=0 $(GO) build -tags noslots $(BUILDFLAGS) -o bin/shmfs-noslots ./cmd/shmfs
	$(GO) run ./integration/bench -out docs/benchmarks.md -json docs/benchmarks.json

KILLS ?= 1000

.PHONY: chaos
chaos: build ## kill the server of a busy mount KILLS (1000) times; no client may notice (as root)
	$(GO) run ./integration/chaos -kills $(KILLS) $(if $(SEED),-seed $(SEED))
	CGO_ENABLED=0 $(GO) build -tags failpoints -o bin/shmfs-failpoints ./cmd/shmfs
	$(GO) run ./integration/chaos -binary bin/shmfs-failpoints -kills $(KILLS) -failpoint any=300 $(if $(SEED),-seed $(SEED))

.PHONY: fuzz
fuzz: ## every fuzzer for FUZZTIME (10s)
	$(GO) run ./integration/house/fuzz -time $(FUZZTIME)

.PHONY: cover
cover: ## coverage a room, tests and built binary together, against its threshold
	$(GO) run ./integration/house/coverage

.PHONY: test-kernels
test-kernels: build ## Linux 6.1 and 6.12 under qemu
	$(GO) run ./integration/kernels

.PHONY: test-chaos
test-chaos: chaos ## the same as chaos

.PHONY: test-all
test-all: lint cross test cover test-kernels test-chaos ## lint, cross, test, cover, test-kernels, test-chaos

.PHONY: install
install: build ## binary, mount helper, unit of systemd, man page, completions (PREFIX, DESTDIR)
	install -D -m 0755 bin/shmfs $(DESTDIR)$(PREFIX)/bin/shmfs
	install -d $(DESTDIR)$(SBINDIR)
	ln -sf $(PREFIX)/bin/shmfs $(DESTDIR)$(SBINDIR)/mount.shmfs
	ln -sf $(PREFIX)/bin/shmfs $(DESTDIR)$(SBINDIR)/mount.fuse.shmfs
	install -d -m 0755 $(DESTDIR)$(UNITDIR) $(DESTDIR)/etc/shmfs
	sed 's|/usr/local/bin|$(PREFIX)/bin|g' integration/systemd/shmfs@.service > $(DESTDIR)$(UNITDIR)/shmfs@.service
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	bin/shmfs man > $(DESTDIR)$(PREFIX)/share/man/man8/shmfs.8
	bin/shmfs completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/shmfs
	bin/shmfs completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_shmfs
	bin/shmfs completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/shmfs.fish

.PHONY: clean
clean: ## what was built and measured
	rm -rf bin coverage
