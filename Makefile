# OneUp. `make help` lists what there is.
.DEFAULT_GOAL := build
SHELL := /bin/bash
DATA ?= ./data
SWIFT ?= swift
ONEUP := .build/release/oneup
MODULES := .build/modules

.PHONY: help build run test bench check format clean package setup

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup: ## install what is missing (Debian packages, the sandbox's engine)
	@dev/setup

build: setup ## the server and its example modules
	@dev/build

run: build ## start a server on ./data (DATA=DIR for another directory)
	@dev/run $(ONEUP) "$(DATA)" --modules $(MODULES) --dev

test: setup ## everything that CI runs
	@dev/test

bench: build ## the server against a bare SwiftNIO echo, eight minutes; also in .build/bench.json
	@$(SWIFT) build -c release --product echo-server
	@$(SWIFT) build -c release --product bench-load
	@$(SWIFT) build -c release --product bench-worker
	@dev/bench

check: ## the house rules
	@dev/check

format: ## put the sources into the house's form
	@git ls-files '*.swift' | grep -v ClientMessages | xargs swift format -i

package: setup ## a tarball that runs anywhere: dist/oneup-VERSION-linux-MACHINE.tar.gz
	@dev/package

clean: ## remove what was built; the data directory stays
	@rm -rf .build dist
	@echo "Removed .build and dist. $(DATA) is untouched."
