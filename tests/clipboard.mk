# copy in real clipboards: of X by xclip and by xsel, of Wayland, of tmux, and of a terminal (OSC 52).
# What cannot be installed is skipped there, and said.
check-clipboard: deps ## copy and clear in the clipboards of X, Wayland, tmux and a terminal
	@for package in xvfb xclip xsel tmux wl-clipboard sway python3; do tools/deps.sh $$package || true; done
	$(MAKE) $(PRODUCTS)
	@OUT=$(OUT) tests/clipboard.sh
.PHONY: check-clipboard
