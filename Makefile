# The machine needs Go, Node (with npm), Python (with venv), make and git.
# Targets install everything else in this folder, except Chromium for the
# browser test: they install it into the system.

.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
NODE := node_modules

# Node only runs the CDK's library here and is not deployed. The CDK works with
# any of these versions.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = 18,20,22,24
export CDK_DISABLE_CLI_TELEMETRY = true

.PHONY: help demo check test fuzz histories reliability synth diff deploy destroy lint bench doctor acceptance drain requirements pictures vulnerabilities tools browser

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# As the functions are compiled (infra/build), so that they, the program and the CDK app
# share what they have in common. Without inlining, the CDK's packages compile faster.
demo: export GOFLAGS = -trimpath -tags=lambda.norpc -gcflags=github.com/aws/aws-cdk-go/...=-l
demo: export CGO_ENABLED = 0
demo: ## run the whole system on this machine with an example organization, without AWS and Slack; DEMO="…" passes flags
	@.ci/need node "Node 20 or newer"
	@# Side by side, because pip uses only one processor.
	@$(MAKE) --no-print-directory -j2 $(VENV)/installed .build/demo/demo
	@# go run calls it an error when Ctrl-C ends the program.
	@.build/demo/demo --log .build/demo/demo.log $(DEMO)

.PHONY: .build/demo/demo
.build/demo/demo:
	@# With the CDK app and the functions, which the program compiles otherwise.
	@.ci/compile ./infra/local/demo ./infra ./functions/cmd/...
	@go build -o $@ ./infra/local/demo

# The packages that make check tests: those that a change to a function, a
# message, a state or a setting affects.
CHECKED = ./functions/... ./slack/... ./statemachine/... ./infra/settings/...
# staticcheck needs a minute more for the CDK's package, so make lint checks it.
EVERY_PACKAGE_BUT_CDK = $$(go list ./... | grep -v '^sso-elevator/infra$$')

check: tools ## run after each change (about a minute): format, vet, staticcheck, unit tests with the race detector
	@.ci/need gcc "a C compiler, for the race detector"
	@unformatted="$$(gofmt -l docs functions infra slack statemachine)"; \
	if [ -n "$$unformatted" ]; then echo "make: these files are not formatted; run gofmt -w on them: $$unformatted" >&2; exit 1; fi
	go vet ./...
	go tool staticcheck $(EVERY_PACKAGE_BUT_CDK)
	go test -timeout 30m -short -race $(CHECK) $(CHECKED)
	go test $(CHECK) ./docs

test: tools browser ## run all tests (about 17 minutes on two cores, after the first compilation)
	@echo "make: running the tests; compiling takes a few minutes the first time" >&2
	go test -timeout 30m $$(go list ./... | grep -v /infra/e2e)
	@# Alone, because these tests measure seconds and need all processors.
	go test -timeout 60m ./infra/e2e

synth: $(NODE)/installed ## write the template and the Slack manifest to cdk.out, and print warnings about the settings
	@echo "make: compiling the CDK app and the functions; this takes a few minutes the first time" >&2
	@.ci/compile ./infra
	$(NODE)/.bin/cdk synth --quiet --no-notices

diff: $(NODE)/installed ## show what a deployment would change; CDK="…" passes arguments to cdk diff
	@go run ./infra/deploy diff $(CDK)

deploy: $(NODE)/installed ## deploy, also after a failed first deployment; CDK="…" passes arguments to cdk deploy
	@go run ./infra/deploy deploy $(CDK)

destroy: $(NODE)/installed ## delete the stack if make drain has ended all access; CDK="…" passes arguments to cdk destroy
	@go run ./infra/elevator drain
	@go run ./infra/deploy destroy $(CDK)

FUZZTIME ?= 1m
FUZZ ?= .
fuzz: ## fuzz every parser of outside input for FUZZTIME (1m) each; FUZZ=pattern selects some
	@.ci/fuzz '$(FUZZTIME)' '$(FUZZ)'

lint: tools ## staticcheck of the CDK's package, unused functions, the workflow, and the rules for the template and the state machines
	go tool staticcheck ./infra
	@unused="$$(go tool deadcode ./functions/cmd/... ./infra/elevator ./infra | grep -E '^(functions|slack|infra/elevator)/')"; \
	if [ -n "$$unused" ]; then echo "make: no program uses these functions; delete them, or move them to the tests:" >&2; echo "$$unused" >&2; exit 1; fi
	go tool actionlint
	go test -timeout 30m -run 'CfnLint|AslValidator|Nag' ./infra

drain: ## end all access and stop new requests, before you delete the stack; DRAIN="…" passes flags
	go run ./infra/elevator drain --yes $(DRAIN)

vulnerabilities: ## check the Go code and its modules for known vulnerabilities (needs network access to Go's vulnerability database)
	go tool govulncheck ./...

bench: tools ## measure time, memory and calls of the functions, and print a table
	go run ./infra/bench

histories: ## run 100,000 random histories in virtual time; HISTORIES="…" passes flags, such as -seed 7, or -first 1 -histories 1000
	go test -count=1 -timeout 0 -run Histories -v ./functions/simulation -args $(or $(HISTORIES),-histories 100000)

reliability: tools ## run the load test, the whole fault matrix and long random histories on the local stack (40 minutes on two cores)
	@# One after another, each on its own stacks, so that none slows the next one down.
	@cd infra/e2e || exit; failed=; for part in TestLoad TestMatrix TestHistories; do \
		echo "make: $$part" >&2; go test -count=1 -timeout 2h -run "^$$part" -full $(RELIABILITY) || failed=1; \
	done; test -z "$$failed"

pictures: tools browser ## take the pictures of the documentation (docs/pictures) on the local stack, after you changed what people see
	@.ci/need fc-list "fontconfig"
	@fc-list | grep -q Lato || { echo "make: the font of the pictures is missing. On Debian, run: apt-get install fonts-lato" >&2; exit 1; }
	cd infra/e2e && go test -count=1 -timeout 20m -v -run '^TestPictures$$' -pictures

doctor: ## check AWS, Slack and your settings, before or after a deployment
	@go run ./infra/elevator doctor

acceptance: ## test a deployed system while you request and approve in Slack; ACCEPTANCE='--target ACCOUNT:SET --other ACCOUNT:SET'
	@go run ./infra/elevator acceptance $(ACCEPTANCE)

tools: $(VENV)/installed $(NODE)/installed ## install the tools that the other targets use

# The stamp is older than the list of packages if they must be installed again.
$(VENV)/installed: requirements.txt
	@.ci/need python3 "Python 3.11 or newer, with venv"
	@.ci/own $(VENV)
	@echo "make: installing moto, ministack, awscli and cfn-lint into $(VENV); this takes 1 to 3 minutes the first time" >&2
	@python3 -m venv --clear $(VENV) || { echo "make: python3 can't create a virtual environment. On Debian, run: apt-get install python3-venv" >&2; exit 1; }
	@# Python compiles a module when it is first imported; most never are.
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.txt
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

browser: ## install Chromium if it is missing
	@.ci/browser
