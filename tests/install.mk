# SPDX-License-Identifier: ISC
check-install: deps ## test make install, from a copy without git
	@tests/install.sh
.PHONY: check-install
