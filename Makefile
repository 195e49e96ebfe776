# The front door. `make help` lists the verbs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
PYTHON := .venv/bin/python3
CTEST := ctest --output-on-failure --no-tests=error

.PHONY: help setup configure program build test unit e2e slow soak tidy asan tsan fuzz bench demo install clean

help:  ## lists the verbs
	@awk -F':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## installs what is missing: Debian packages, pinned wheels in .venv
	@scripts/setup

configure: setup
	@mkdir -p build
	@cmake --preset release -DSHOAL_TESTS=ON >build/configure.log 2>&1 || \
	  { cat build/configure.log; exit 1; }

program:  ## builds the program alone: build/release/shoal
	@scripts/setup --build-only
	@mkdir -p build
	@[ -f build/release/build.ninja ] || \
	  cmake --preset release -DSHOAL_TESTS=OFF >build/configure.log 2>&1 || \
	  { cat build/configure.log; exit 1; }
	@cmake --build build/release --parallel $(JOBS) --target shoal

build: configure  ## builds everything
	@cmake --build build/release --parallel $(JOBS)

test: build tidy unit e2e  ## everything that has to hold before a change lands

unit: build  ## unit tests, fuzz corpora, benchmarks at their smallest
	$(CTEST) --test-dir build/release --parallel $(JOBS)

e2e: build  ## the real program against independent references
	$(PYTHON) -m pytest -q tests -m "not slow"

slow: build  ## the long tables: every zoo model's mAP, long runs
	$(PYTHON) -m pytest -q tests -m slow

soak: build  ## a site for half an hour while everything goes wrong, to docs/benchmarks/soak.md
	$(PYTHON) benchmarks/soak.py --minutes $(or $(MINUTES),30) --output docs/benchmarks/soak.md

tidy: setup  ## layout, dependency rule, limits, links
	$(PYTHON) scripts/tidy.py

asan: setup  ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake --preset asan >/dev/null && cmake --build build/asan --parallel $(JOBS)
	TBB_ENABLE_SANITIZERS=1 $(CTEST) --test-dir build/asan -LE bench --timeout 600

tsan: setup  ## unit tests under ThreadSanitizer
	cmake --preset tsan >/dev/null && cmake --build build/tsan --parallel $(JOBS)
	TBB_ENABLE_SANITIZERS=1 TSAN_OPTIONS=suppressions=$(CURDIR)/tests/tsan.supp \
	  $(CTEST) --test-dir build/tsan -LE "bench|fuzz" --timeout 600

fuzz: setup  ## every fuzzer with many mutations of its corpus, under AddressSanitizer
	cmake --preset asan >/dev/null
	cmake --build build/asan --parallel $(JOBS) --target fuzzers
	@for fuzzer in build/asan/fuzz/shoal_*_fuzz; do \
	  name=$${fuzzer##*/shoal_}; corpus=$$(find src -name $${name%_fuzz}_corpus); \
	  echo "$$fuzzer $$corpus"; $$fuzzer $$corpus 20000 || exit 1; done

bench: build  ## shoal beside its peers, to docs/benchmarks
	$(PYTHON) benchmarks/compare.py

demo: program  ## generated boards, then a site of four cameras with the page, in out/demo
	@scripts/demo

install: build  ## installs the program and the library to PREFIX (default /usr/local)
	cmake --install build/release --prefix $(or $(PREFIX),/usr/local)

clean:  ## removes build/ and out/
	rm -rf build out
