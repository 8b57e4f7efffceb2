# Everything that this project can do, for a machine that has Go, Node (with
# npm), Python (with venv), make and git. What is missing beyond that is set up
# on the way, in this folder; only Chromium, for the test in a browser, is
# installed into the system.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
NODE := node_modules

# Node only evaluates the CDK's library here; nothing of it is deployed, and
# the CDK works with any of these.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = 18,20,22,24
export CDK_DISABLE_CLI_TELEMETRY = true

.PHONY: help demo check test fuzz histories reliability synth diff deploy destroy lint bench doctor acceptance drain requirements vulnerabilities tools browser

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# As the functions are compiled (infra/build), so that they, the program and the CDK app
# share what they have in common.
demo: export GOFLAGS = -trimpath -tags=lambda.norpc
demo: export CGO_ENABLED = 0
demo: tools ## run the whole system on this machine, with an example organization
	@# With the CDK app and the functions, which the program compiles otherwise.
	@.ci/compile ./infra/elevator ./infra ./functions/cmd/...
	@# go run calls it an error when Ctrl-C ends the program.
	@go build -o .build/demo/elevator ./infra/elevator
	@.build/demo/elevator demo

# The packages that make check tests: what a change to a function, a message, a
# state or a setting touches.
CHECKED = $$(go list ./functions/... ./slack/... ./statemachine/... ./infra/settings/... | grep -v /simulation$$)
# The CDK's package takes staticcheck a minute more; make lint checks it, too.
EVERY_PACKAGE_BUT_CDK = $$(go list ./... | grep -v '^sso-elevator/infra$$')

check: tools ## what to run after each change, in a minute: format, vet, staticcheck, unit tests with the race detector
	@.ci/need gcc "a C compiler: the race detector is linked with it"
	@unformatted="$$(gofmt -l docs functions infra slack statemachine)"; \
	if [ -n "$$unformatted" ]; then echo "gofmt would change: $$unformatted" >&2; exit 1; fi
	go vet ./...
	go tool staticcheck $(EVERY_PACKAGE_BUT_CDK)
	go test -short -race $(CHECK) $(CHECKED)
	@# Without the race detector: the simulation's clock lets one goroutine run at a time, which the detector can't see.
	go test -short $(CHECK) ./functions/simulation

test: tools browser ## run every test
	@echo "make: running the tests; the first time, compiling takes some minutes" >&2
	go test -timeout 30m $$(go list ./... | grep -v /infra/e2e)
	@# By itself: it looks at what happens in seconds, and the rest would take the processors from it.
	go test -timeout 30m ./infra/e2e

synth: $(NODE)/installed ## write cdk.out
	$(NODE)/.bin/cdk synth --quiet --no-notices

diff: $(NODE)/installed ## say what a deployment would change; CDK="…" for arguments of cdk diff
	@go run ./infra/deploy diff $(CDK)

deploy: $(NODE)/installed ## deploy, also after a first deployment that failed; CDK="…" for arguments of cdk deploy
	@go run ./infra/deploy deploy $(CDK)

destroy: $(NODE)/installed ## delete the stack, if nobody has access any more (drain)
	@go run ./infra/elevator drain
	@go run ./infra/deploy destroy $(CDK)

FUZZTIME ?= 1m
FUZZ ?= .
fuzz: ## try every parser of outside input with what nobody would send, FUZZTIME (1m) each; FUZZ=pattern for some
	@.ci/fuzz '$(FUZZTIME)' '$(FUZZ)'

lint: tools ## staticcheck of the CDK's package, unused functions, the workflow, and what the template and the state machines are checked with
	go tool staticcheck ./infra
	@unused="$$(go tool deadcode ./functions/cmd/... ./infra/elevator ./infra | grep -E '^(functions|slack|infra/elevator)/')"; \
	if [ -n "$$unused" ]; then echo "no program uses these functions:" >&2; echo "$$unused" >&2; exit 1; fi
	go tool actionlint
	go test -run 'CfnLint|AslValidator|Nag' ./infra

drain: ## end all access and let nobody ask for more, before the stack is removed
	go run ./infra/elevator drain --yes $(DRAIN)

vulnerabilities: ## check the Go code and its modules for known vulnerabilities; needs network access to Go's database of them
	go tool govulncheck ./...

bench: tools ## measure what the system costs and print a table
	go run ./infra/bench

histories: ## play 100,000 random histories in virtual time, or what HISTORIES says: -seed 7, -first 1 -histories 1000
	go test -count=1 -timeout 0 -run Histories -v ./functions/simulation -args $(or $(HISTORIES),-histories 100000)

reliability: tools ## the load, the whole fault matrix, and long random histories on the local stack: 40 minutes on two cores
	@# One after another, each on stacks of its own: what the one before leaves running would slow the next one down.
	@cd infra/e2e || exit; failed=; for part in TestLoad TestMatrix TestHistories; do \
		echo "make: $$part" >&2; go test -count=1 -timeout 2h -run "^$$part" -full $(RELIABILITY) || failed=1; \
	done; test -z "$$failed"

doctor: ## say what is ready for a deployment, and what is missing
	@go run ./infra/elevator doctor

acceptance: ## check a deployed system, with you at Slack; ACCEPTANCE='--target ACCOUNT:SET --other ACCOUNT:SET'
	@go run ./infra/elevator acceptance $(ACCEPTANCE)

tools: $(VENV)/installed $(NODE)/installed ## install what the other targets use

# A stamp is newer than the list of what was installed, or it is done again.
$(VENV)/installed: requirements.txt
	@.ci/need python3 "Python 3.11 or newer, with venv"
	@.ci/own $(VENV)
	@echo "make: installing moto, ministack, awscli and cfn-lint into $(VENV)" >&2
	@python3 -m venv --clear $(VENV) || { echo "make: python3 can't make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

requirements: requirements.in ## write requirements.txt, with hashes, from requirements.in
	@.ci/own $(VENV)
	@test -e $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check pip-tools
	@$(VENV)/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-emit-find-links requirements.in

$(NODE)/installed: package.json package-lock.json
	@.ci/need npm "Node 20 or newer, with npm"
	@.ci/own $(NODE)
	@echo "make: installing the CDK's command line and asl-validator into $(NODE)" >&2
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

browser: ## install Chromium, where there is none
	@.ci/browser
