# SPDX-License-Identifier: ISC
# copy with real clipboards: X (xclip and xsel), Wayland, tmux and a terminal (OSC 52). A clipboard
# whose packages cannot be installed is skipped with a message.
check-clipboard: deps ## test copy with the clipboards of X, Wayland, tmux and a terminal
	@for package in xvfb xclip xsel tmux wl-clipboard sway python3; do tools/deps.sh $$package || true; done
	$(MAKE) $(PARALLEL) $(PRODUCTS)
	@OUT=$(OUT) tests/clipboard.sh
.PHONY: check-clipboard
