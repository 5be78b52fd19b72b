# SPDX-License-Identifier: ISC
# The portal's pages in real browsers. The npm packages are those of the lock file and go to build/; each
# test starts a portal of its own. Node finds the files by their names. test_story runs in Firefox too.
# PORTAL_BROWSER=firefox in the environment runs the others there: test_two and test_settings pass; answers that are held
# back (test_session) and axe (test_states) need Chromium's protocol.
BROWSER_TESTS := $(wildcard tests/portal/browser/test_*.mjs)
NPM_FOLDER    := build/portal-browser

$(NPM_FOLDER)/node_modules: tests/portal/browser/package.json tests/portal/browser/package-lock.json
	$(call SAY,NPM   $@)
	$(Q)mkdir -p $(@D) && cp $^ $(@D)
	$(Q)cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --silent
	$(Q)touch $@

.PHONY: deps-browser run-browser-tests check-portal-browser portal-screenshots
deps-browser:
	@tools/deps.sh chromium firefox-esr
	@command -v node >/dev/null || tools/deps.sh nodejs
	@command -v npm >/dev/null || tools/deps.sh npm

run-browser-tests: all $(NPM_FOLDER)/node_modules
	@OUT=$(OUT) NPM_FOLDER=$(NPM_FOLDER) node --test --test-reporter=spec $(BROWSER_TESTS)

check-portal-browser: deps deps-browser ## test the portal's pages in Chromium and Firefox
	$(MAKE) $(PARALLEL) run-browser-tests

portal-screenshots: deps deps-browser ## take the pictures of docs/portal
	$(MAKE) $(PARALLEL) all $(NPM_FOLDER)/node_modules
	@OUT=$(OUT) NPM_FOLDER=$(NPM_FOLDER) node tests/portal/browser/pictures.mjs docs/portal
	@tools/deps.sh pngquant && pngquant --force --strip --ext .png --quality 70-98 docs/portal/*.png

check-portal: check-portal-browser
