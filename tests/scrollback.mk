# SPDX-License-Identifier: ISC
# The scrollback of a terminal after every kind of command and prompt (tmux).
check-scrollback: deps ## test that a terminal's scrollback has only the token texts that were asked for
	@tools/deps.sh tmux || true
	$(MAKE) $(PARALLEL) $(PRODUCTS)
	@mkdir -p $(OUT)/tests
	@LOGS=$(OUT)/tests OUT=$(OUT) tests/run.sh tests/scrollback.sh
.PHONY: check-scrollback
