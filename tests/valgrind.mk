# SPDX-License-Identifier: ISC
# One pass of esp-tokenctl under valgrind, which can map the 16 GiB of the default map_size.
valgrind: deps ## run every command once under valgrind: no invalid access, no leak
	@tools/deps.sh valgrind
	$(MAKE) $(PARALLEL) $(PRODUCTS)
	@OUT=$(OUT) tests/valgrind.sh
.PHONY: valgrind
