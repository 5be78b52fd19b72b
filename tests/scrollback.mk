# What a terminal's scrollback holds after every kind of command and prompt (tmux).
check-scrollback: deps ## a terminal's scrollback holds token texts only where they were asked for
	@tools/deps.sh tmux || true
	$(MAKE) $(PRODUCTS)
	@mkdir -p $(OUT)/tests
	@LOGS=$(OUT)/tests OUT=$(OUT) tests/run.sh tests/scrollback.sh
.PHONY: check-scrollback
