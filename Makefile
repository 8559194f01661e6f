# The list of what one does here; .ci/run calls the same targets.

PYTHON ?= python3
BIN := .venv/bin
SCANNER := tools/observatory/node_modules
# Where it is set, each process compiles all of its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast test-postgres test-scaled looks observatory torture try-deploying bench lint check format docs \
	screenshots upgrade audit clean

run: .venv/run.stamp
	@exec $(BIN)/python manage.py run

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not looks"

# Without browser and crashes: for all the time.
test-fast: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not e2e and not faults"

# What is sent and paid for, also on PostgreSQL, where one is installed.
test-postgres: .venv/dev.stamp
	$(BIN)/python -m tests.postgres -- $(BIN)/python -m pytest -n 2 --dist loadfile $(ENGINE)
ENGINE := tests/faults tests/backups/test_commands.py $(addprefix tests/test_,$(addsuffix .py,all_codes api \
	api_tokens archive attaching breaker changes charts creation deleting desk doctor drafts filters following form \
	form_hostile health instructions key_pages leaving library limits models notes notices old_history prepare queue \
	readiness recovery redis_cache retention rotation tasks usage worker))

# Two web and two worker hosts on PostgreSQL, Redis and S3: hosts are killed, servers restarted; three minutes.
test-scaled: .venv/dev.stamp
	$(BIN)/python -m pytest tests/scaled

# Every page in every state: judged, and kept as pictures in var/pictures, on phone and desktop, light and dark.
looks: .venv/dev.stamp
	KEEP_PICTURES=1 $(BIN)/python -m pytest -n 3 --dist loadfile tests/e2e -m looks

# Mozilla's HTTP Observatory against the running product, over https; needs Node.js 20 and npm.
observatory: .venv/dev.stamp $(SCANNER)/.stamp
	$(BIN)/python -m tools.observatory

$(SCANNER)/.stamp: tools/observatory/package-lock.json
	npm ci --prefix tools/observatory --ignore-scripts --omit=optional --no-audit --no-fund
	@# The list of sites whose browsers know HSTS in advance would be fetched; ours is not one.
	echo '{}' > $(SCANNER)/@mdn/mdn-http-observatory/conf/hsts-preload.json
	@touch $@

# Half an hour of crashes; the figures belong into docs/faults.md.
torture: .venv/dev.stamp
	$(BIN)/python -m tests.faults.kill_loop --kills 1000
	$(BIN)/python -m tests.faults.kill_loop --kills 100 --commands
	TORTURE=1 $(BIN)/python -m pytest tests/faults/test_stateful.py tests/test_odd_pictures.py tests/test_vast_pictures.py \
		tests/test_api_described.py

# docs/deploying.md on a clean Debian 12, as root, with debootstrap and systemd-container: ten minutes,
# and ports that others may have, so that .ci/run leaves it out. FIRST is the release to upgrade from.
try-deploying: .venv/dev.stamp
	$(BIN)/python -m tests.deploying.walk $(FIRST)

# What it costs, against the usual ways, into bench/RESULTS.md and README.md; and docs/growth.md. A quarter of an hour
# in which the machine should do nothing else.
bench: .venv/dev.stamp
	$(BIN)/python -m bench
	$(BIN)/python -m bench.unit_costs write

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z -- 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/mypy

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# As it is deployed: behind https.
check: .venv/dev.stamp
	PUBLIC_URL=https://styles.example.com HSTS_SUBDOMAINS=true $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

docs: .venv/dev.stamp
	$(BIN)/python -m docs.write_errors
	$(BIN)/python -m docs.write_states

# After a change in pyproject.toml, and to have all that is newer.
upgrade: .venv/dev.stamp
	$(BIN)/uv pip compile $(PINNING) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(PINNING) --extra postgres pyproject.toml -o requirements-postgres.txt
	$(BIN)/uv pip compile $(PINNING) --extra scaled pyproject.toml -o requirements-scaled.txt
	$(BIN)/uv pip compile $(PINNING) --group dev pyproject.toml -o requirements-dev.txt
PINNING := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-find-links --no-emit-index-url

# Asks a database of vulnerabilities about every pin; says so where that cannot be reached.
audit: .venv/dev.stamp
	$(BIN)/python -m tests.audit

# The pictures in README.md, from the browser tests.
screenshots: .venv/dev.stamp
	KEEP_PICTURES=1 $(BIN)/python -m pytest -q tests/e2e -k "the_library or the_form or every_state or reviewers"
	$(BIN)/python -m docs.write_screenshots

clean:
	rm -rf .venv $(SCANNER) .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/run.stamp
