# UVSockets: `make` lists what there is to do.

SWIFT   ?= swift
ARGS    ?=
# What users of the package enable where they want it; the tests want it all.
TRAITS  := --enable-all-traits
BIN     := .build/release
INPUTS  := Package.swift $(shell find Sources Vendor-modulemaps -type f -not -name '.*')

.DEFAULT_GOAL := help
.PHONY: help setup build run-server run-client test stress sanitize fuzz proof clients bench bench-check lint format docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run-server: $(BIN)/echo-server ## Build what is needed and serve on port 8081 (ARGS="--help" for options)
	@exec $(BIN)/echo-server $(ARGS)

run-client: $(BIN)/echo-client ## Build what is needed and talk to localhost:8081 (ARGS="HOST:PORT")
	@exec $(BIN)/echo-client $(ARGS)

build: $(BIN)/echo-server $(BIN)/echo-client $(BIN)/uv-inspect ## Build the library and its programs, optimised

# One build makes all; a program newer than every source starts without asking SwiftPM.
$(BIN)/echo-client $(BIN)/uv-inspect: $(BIN)/echo-server
	@touch -c $@
$(BIN)/echo-server: $(INPUTS) | setup
	$(SWIFT) build -c release --product echo-server
	$(SWIFT) build -c release --product echo-client
	$(SWIFT) build -c release --product uv-inspect
	@touch $@

test: setup ## Build what is needed and run every test
	$(SWIFT) build --build-tests $(TRAITS)
	.ci/test $(TRAITS)

# Whatever is read or written after it was freed, or left behind, is an error, which ends with 99.
VALGRIND := valgrind --error-exitcode=99 --track-fds=yes --leak-check=full \
            --errors-for-leak-kinds=definite,indirect --fair-sched=try \
            --suppressions=.ci/not-errors

stress: SEED    ?= 1 2 3 4 5
stress: SECONDS ?= 60
stress: setup ## Call every public member at random, under valgrind (SEED="1 2" and SECONDS=N for less)
	Benchmarks/setup valgrind
	$(SWIFT) build --product stress
	@for seed in $(SEED); do \
	    SWIFT_BACKTRACE=enable=no $(VALGRIND) .build/debug/stress \
	        --seed $$seed --seconds $(SECONDS) --patience 60 $(ARGS) || exit; \
	done

sanitize: setup ## Run every test under Thread and Address Sanitizer (SANITIZERS="thread" for one)
	.ci/sanitize $(TRAITS)

fuzz: ## Fuzz every codec, 10 million runs each (RUNS=N for fewer, ARGS="CODEC ..." for some)
	Tests/Fuzz/run $(ARGS)

proof: $(BIN)/echo-server ## Show that slow clients harm nobody and a stop loses nothing (ARGS="NAME ..." for some)
	@python3 Tests/Proofs/proof.py $(ARGS)

clients: setup ## Run the cookbook's programs and echo-server against real clients (ARGS="NAME ..." for some)
	@Tests/Clients/run $(ARGS)

bench: ## Measure the server beside others (ARGS="--help" for options); the results land in Benchmarks/
	@$(MAKE) --no-print-directory -C Benchmarks bench

bench-check: ## Count instructions and allocations a message; fail where a threshold is passed
	@$(MAKE) --no-print-directory -C Benchmarks check

lint: ## Check the formatting and the documentation comments
	$(SWIFT) format lint --strict -r -p Sources Tests Package.swift

format: ## Reformat the sources in place
	$(SWIFT) format format -i -r -p Sources Tests Package.swift

docs: setup ## Build the documentation into .build/docs; a dead link is an error
	.ci/docs .build/docs $(TRAITS)

clean: ## Remove everything that was built
	rm -rf .build

# Installs libuv and pkg-config when they are missing; says what to install where it cannot.
setup:
	@.ci/setup
