# What people do here. `make` alone says it.

# The committed query data stands in for a database while compiling.
export SQLX_OFFLINE ?= true
CARGO ?= cargo
# A private Postgres and Redis around a command; see services/.
SERVICES = target/debug/services run --folder
# Arguments of `make load`, as in: make load LOAD="--riders 2000 --seconds 60"
LOAD ?=

# How many stories `make chaos` lives through in one process, and with processes that are killed.
STORIES ?= 2000
KILLINGS ?= 60
# How many movements of money the long year has.
MOVEMENTS ?= 20000

.PHONY: help demo test chaos check load queries try-api packages services

help:
	@echo "make demo           the product with its whole world; the phone is at http://127.0.0.1:8090/"
	@echo "make demo ONCE=1    plays one rider's story and ends with 0 if every step came out right"
	@echo "make test           every test, against a private Postgres and Redis"
	@echo "make chaos          thousands of emergencies while everything else fails; takes half an hour"
	@echo "make check          format, lints, menus"
	@echo "make load           drives riders through the gateway and prints the figures"
	@echo "                    LOAD=messages measures the outbox, reports and alarms instead, LOAD=money movements of money,"
	@echo "                    LOAD=\"ledger --postings 10000000\" how long so many take to verify"
	@echo "make try-api        throws everything at the desk's API that its description allows and forbids (schemathesis)"
	@echo "make queries        refreshes the committed query data in .sqlx after SQL has changed"

# Shells that set ONCE to nothing or 0 mean no.
ONCE_FLAG = $(if $(filter-out 0,$(ONCE)),--once,)

demo: packages
	$(CARGO) build --workspace
	target/debug/kwastage demo $(ONCE_FLAG)

test: packages services
	$(SERVICES) .kwastage/test --fast -- $(CARGO) test --workspace --no-fail-fast

chaos: packages services
	CHAOS=$(STORIES) $(SERVICES) .kwastage/test --fast -- $(CARGO) test --test phone -- --nocapture chaos::
	CHAOS=$(KILLINGS) $(CARGO) test --test chaos -- --nocapture
	MEMBERS=1000 STORIES=$(MOVEMENTS) DAYS=15 $(SERVICES) .kwastage/test --fast -- $(CARGO) test --test year -- --nocapture

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) run --quiet -- menus check

load: packages
	$(CARGO) build --release -p kwastage -p load
	target/release/load $(LOAD)

try-api: packages services
	$(CARGO) build
	$(SERVICES) .kwastage/try-api --fast -- scripts/try-api

queries: packages services
	$(SERVICES) .kwastage/queries --fast -- scripts/refresh-queries

packages:
	@scripts/install-packages

services:
	@$(CARGO) build --quiet -p services
