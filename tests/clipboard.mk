# copy in real clipboards: of X by xclip and by xsel, of Wayland, of tmux, and of a terminal (OSC 52).
check-clipboard: deps ## copy and clear in the clipboards of X, Wayland, tmux and a terminal
	@tools/deps.sh xvfb xclip xsel tmux wl-clipboard sway xauth python3 util-linux || true
	$(MAKE) $(PRODUCTS)
	@OUT=$(OUT) tests/clipboard.sh
.PHONY: check-clipboard
