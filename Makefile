# OneUp. `make help` lists what there is.
.DEFAULT_GOAL := build
SHELL := /bin/bash
DATA ?= ./data
SWIFT ?= swift
ONEUP := .build/release/oneup
MODULES := .build/modules

.PHONY: help build run test bench check format clean dist setup modules

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup: ## install what is missing (Debian packages, the sandbox's engine)
	@dev/setup

build: setup ## the server and its example modules
	@echo "Building OneUp (the first time takes about ten minutes on two cores) …"
	@$(SWIFT) build -c release --product oneup
	@$(MAKE) --no-print-directory modules

modules:
	@for module in tally faulty; do $(ONEUP) build Modules/$$module --output $(MODULES) || exit 1; done

run: build ## start a server on ./data (DATA=DIR for another directory)
	@dev/welcome "$(DATA)"
	@exec $(ONEUP) serve --data "$(DATA)" --modules $(MODULES)

test: setup ## everything that CI runs
	@dev/test

bench: build ## load and faults against a server of its own, with a report in .build/drill.html
	@$(ONEUP) drill --players 200 --rooms 20 --rate 20 --seconds 30 --html .build/drill.html --json .build/drill.json
	@$(ONEUP) drill --players 1000 --rooms 100 --rate 2 --seconds 40 --fault worker-kill=5s --html .build/drill-faults.html

check: ## the house rules
	@dev/check

format: ## put the sources into the house's form
	@git ls-files '*.swift' | grep -v ClientMessages | xargs swift format -i

dist: setup ## one directory to ship: dist/ with the program, its library and the modules
	@dev/dist

clean: ## remove what was built; the data directory stays
	@rm -rf .build dist
	@echo "Removed .build and dist. $(DATA) is untouched."
