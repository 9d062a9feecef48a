# Two commands: `make run` serves Rollcall with an AWS of its own, `make test` proves it.

VENV := .venv
PY := $(VENV)/bin/python
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes -r
MODELS := $(or $(ROLLCALL_MODELS),.models)
PAGE := tests/browser/page
WEIGHTS := $(MODELS)/face_recognition_sface_2021dec.onnx

# Which Python to make the environment with: the first of these that is new enough.
PYTHON :=
CANDIDATES := $(or $(PYTHON),python3 python3.12 python3.13 python3.14 python3.11)

# Options are taken from the command line only, because some shells export HOST, and some hosts PORT.
PORT := 8000
AWS_PORT := 4566
STREAM_PORT := 4567
TLS_PORT := 4568
STATE := .local
HOST := 127.0.0.1
LOG :=
# The shell reads STATE from its environment, so that any character may be in it.
export STATE
LOCAL = --port '$(PORT)' --aws-port '$(AWS_PORT)' --stream-port '$(STREAM_PORT)' --tls-port '$(TLS_PORT)' \
	--host '$(HOST)' --state "$$STATE" $(if $(LOG),--verbose)
SECONDS := 60
TIMES := 20
PUNCHES := 200
STAGE := dev
OUT := out/$(STAGE)
URL :=
ARGS :=
UPGRADE :=
RULES :=
COMPILE = $(VENV)/tools/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	$(and $(UPGRADE),$(if $(filter all,$(UPGRADE)),--upgrade,--upgrade-package $(UPGRADE)))

.PHONY: help run aws test contract fuzz mutate browser bench attacks kills package e2e check lint-infra fmt openapi lock hooks reset
.PHONY: deploy destroy smoke clean
.DEFAULT_GOAL := help

help: ## list the targets
	@echo "make run    serve Rollcall on http://$(HOST):$(PORT), no AWS account needed"
	@echo "            (PORT= AWS_PORT= STREAM_PORT= TLS_PORT= STATE= HOST=; port 0 is a free one; LOG=1 shows requests)"
	@echo "make aws    the embedded AWS alone, for 'chalice local --stage local'"
	@echo "make test   lint, types and tests"
	@echo "make contract  calls made up from the OpenAPI document, each answer checked against it"
	@echo "make fuzz      what strangers may send, made up for SECONDS=$(SECONDS)"
	@echo "make mutate    mutants of the rules, and which of them no test notices (RULES= names one; half an hour)"
	@echo "make browser  AWS's liveness component in a real browser, to the punch and to every other end"
	@echo "            (needs node and npm; CHROMIUM=/path names the browser)"
	@echo "make bench  measure again what the documents quote, into docs/benchmarks.md"
	@echo "make attacks  what the liveness judge of the laptop lets through, as tables (half an hour; needs npm)"
	@echo "make kills     kill -9 in the middle of enrolments and erasures, then look for harm (TIMES=$(TIMES))"
	@echo "make package  the app as it goes to Lambda: OUT/deployment.zip, OUT/sam.json and OUT/sbom.cdx.json"
	@echo "            (STAGE=dev OUT=out/STAGE; AWS_DEFAULT_REGION must name a region)"
	@echo "make e2e    the package under Lambda's runtime client, deploy and delete, faults (PUNCHES=$(PUNCHES))"
	@echo "make check  lint and types only"
	@echo "make lint-infra  the CloudFormation templates, also as one stack"
	@echo "make fmt    format the code"
	@echo "make openapi  write the OpenAPI document and its page anew"
	@echo "make lock   pin what requirements/*.in name, with hashes (UPGRADE=all or UPGRADE=boto3 for newer versions)"
	@echo "make hooks  check what is committed, before each commit"
	@echo "make reset  forget all people, photos and punches (STATE=$(STATE))"
	@echo "make deploy STAGE=dev   make a stage in AWS, or bring it up to date (ARGS='--alarm-email ...')"
	@echo "make destroy STAGE=dev  remove it with all its data, after asking"
	@echo "make smoke URL=https://...  whether an API is up, knows its tokens and has its table (ROLLCALL_TOKEN=)"
	@echo "make clean  remove what the other targets made, except the data"
	@echo "PYTHON=/path/to/python3 chooses the Python (>= 3.11) of $(VENV)"

run: $(VENV)/.run $(WEIGHTS) ## serve
	@$(PY) -m local $(LOCAL)

aws: $(VENV)/.run $(WEIGHTS) ## the embedded AWS alone
	@$(PY) -m local --aws-only $(LOCAL)

# A file's tests stay in one process, because they share what is slow to start.
test: check $(WEIGHTS) $(VENV)/.tools ## lint, types, tests
	@echo "Running the tests ..."
	@$(PY) -m pytest -n 2 --dist loadfile

contract: $(VENV)/.dev $(WEIGHTS) $(VENV)/.contract ## calls made up from the OpenAPI document
	@echo "Calling every route with what the OpenAPI document allows, and with what it does not ..."
	@$(PY) -m tests.contract $(VENV)/contract/bin/st

fuzz: $(VENV)/.dev $(WEIGHTS) $(VENV)/.fuzz ## what strangers may send
	@$(PY) -m tests.fuzz --seconds $(SECONDS)

mutate: $(VENV)/.mutate ## mutants of the rules that no test notices
	@$(PY) -m mutmut run $(and $(RULES),"chalicelib.domain.$(RULES)*")
	@$(PY) -m mutmut results

browser: $(VENV)/.browser $(WEIGHTS) $(PAGE)/out/index.html ## AWS's liveness component in a real browser
	@$(PY) -m tests.browser.chromium
	@echo "Checking in before a camera that sees the screen; about four minutes ..."
	@$(PY) -m pytest -v tests/browser

bench: $(VENV)/.dev $(WEIGHTS) ## the figures of docs/benchmarks.md
	@$(PY) -m benchmarks

attacks: $(VENV)/.dev $(WEIGHTS) ## what the liveness judge lets through
	@$(PY) -m benchmarks.liveness.attacks
	@$(PY) -m benchmarks.liveness.films

kills: $(VENV)/.dev $(WEIGHTS) ## kill -9 in the middle of enrolments and erasures
	@echo "Killing a process that enrols and erases people, $(TIMES) times ..."
	@$(PY) -m tests.kills $(TIMES)

package: $(VENV)/.dev $(VENV)/.tools ## the zip that goes to Lambda
	@$(PY) -m infra.package --stage $(STAGE) --out "$(OUT)"
	@$(PY) -m infra.sbom --out "$(OUT)"

e2e: $(VENV)/.dev $(WEIGHTS) $(VENV)/.infra $(VENV)/.lambda ## the package, as AWS runs it
	@echo "Packaging, and running the package as AWS does (about ten minutes) ..."
	@$(PY) -m pytest tests/e2e --punches $(PUNCHES)

check: $(VENV)/.dev ## lint and types
	@echo "Checking style ..."
	@$(PY) -m ruff check . || { echo "error: 'make fmt' mends what is marked [*]; the rest is yours" >&2; exit 1; }
	@$(PY) -m ruff format --check . || { echo "error: run 'make fmt'" >&2; exit 1; }
	@echo "Checking types ..."
	@$(PY) -m mypy

lint-infra: $(VENV)/.run $(VENV)/.infra ## the CloudFormation templates
	@$(PY) -m infra template --stage dev --out out/lint/merge.json
	@cd out/lint && rm -rf sam project && mkdir project && cp -r ../../app.py ../../chalicelib ../../.chalice \
		project && cd project && AWS_DEFAULT_REGION=us-east-1 ../../../$(VENV)/bin/chalice package \
		--stage dev --merge-template ../merge.json ../sam >/dev/null
	@$(VENV)/infra/bin/cfn-lint infra/resources.yaml infra/roles.yaml infra/account.yaml infra/pipeline.yaml out/lint/sam/sam.json

fmt: $(VENV)/.dev ## format
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format .

openapi: $(VENV)/.dev ## the OpenAPI document and its page
	@$(PY) -m infra.openapi

# dev.txt is pinned first, and the sets that share its environment follow it. What is pinned stays, unless
# UPGRADE says otherwise. Neither uv's settings on this machine nor its index get into the files.
lock: $(VENV)/.tools ## pin every version, with hashes
	@for set in dev $(filter-out dev,$(basename $(notdir $(wildcard requirements/*.in)))); do \
		echo "Pinning requirements/$$set.txt ..."; \
		$(COMPILE) --generate-hashes --custom-compile-command 'make lock' \
			requirements/$$set.in --output-file requirements/$$set.txt || exit 2; \
	done
	@$(COMPILE) --no-annotate \
		--custom-compile-command 'make lock, from requirements/app.in (requirements/app.txt has hashes, too)' \
		requirements/app.in --output-file requirements.txt

hooks: $(VENV)/.dev $(VENV)/.tools ## checks before each commit
	@$(VENV)/tools/bin/pre-commit install

reset: $(VENV)/.made ## forget all data
	@$(PY) -m local --state "$$STATE" --reset

deploy: $(VENV)/.run ## make a stage in AWS
	@$(PY) -m infra up --stage "$(STAGE)" $(ARGS)

destroy: $(VENV)/.run ## remove a stage from AWS
	@$(PY) -m infra down --stage "$(STAGE)" $(ARGS)

smoke: $(VENV)/.run ## try a deployed API
	@$(PY) -m infra smoke --url "$(URL)"

clean: ## remove what was made
	@rm -rf $(VENV) .models out $(PAGE)/node_modules $(PAGE)/out mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "Removed $(VENV), .models and caches; data is kept (make reset forgets it)."

$(VENV)/.made:
	@found=; for python in $(CANDIDATES); do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
			>/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "error: Python 3.11 or newer with its venv module is needed, none of '$(CANDIDATES)' is that." >&2; \
		echo "       Debian, Ubuntu: apt install python3-venv. Or name one: make PYTHON=/path/to/python3" >&2; \
		exit 2; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv $(VENV) && touch $@

# A stamp says that a set is installed. Every set is whole, so that each depends on one file; dev has all of local.
$(VENV)/.run: requirements/local.txt | $(VENV)/.made
	@echo "Installing $< ..."
	@$(PY) $(INSTALL) $< && touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/.made
	@echo "Installing $< ..."
	@$(PY) $(INSTALL) $< && touch $@ $(VENV)/.run

$(VENV)/.fuzz $(VENV)/.mutate $(VENV)/.browser: $(VENV)/.%: requirements/%.txt | $(VENV)/.dev
	@echo "Installing $< ..."
	@$(PY) $(INSTALL) $< && touch $@
# The marker that npm itself leaves. No install script is needed, so none may run.
$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package.json $(PAGE)/package-lock.json
	@for tool in node npm; do command -v $$tool >/dev/null || { \
		echo "error: $$tool is needed (Debian: apt install nodejs npm)" >&2; exit 2; }; done
	@echo "Installing the page's packages by npm (490 MB in $(PAGE)/node_modules) ..."
	@cd $(PAGE) && npm ci --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json

$(PAGE)/out/index.html: $(PAGE)/node_modules/.package-lock.json $(PAGE)/build.mjs $(PAGE)/index.html \
		$(wildcard $(PAGE)/src/* $(PAGE)/src/*/*)
	@echo "Building the page ..."
	@cd $(PAGE) && npm run --silent build && touch out/index.html

# Tools whose packages would meet those of .venv; beside the package, Lambda has its runtime client alone.
$(VENV)/.contract $(VENV)/.infra $(VENV)/.lambda $(VENV)/.tools: $(VENV)/.%: requirements/%.txt | $(VENV)/.made
	@echo "Installing $< ..."
	@$(PY) -m venv $(VENV)/$*
	@$(VENV)/$*/bin/python $(INSTALL) $< && touch $@

$(WEIGHTS): | $(VENV)/.made
	@$(PY) -m local.weights
