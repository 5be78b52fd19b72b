check-install: deps ## install from a copy without git, and look at what is there
	@tests/install.sh
.PHONY: check-install
