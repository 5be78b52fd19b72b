# One pass of esp-tokenctl under valgrind; its map of 16 GiB is within what valgrind can give.
valgrind: deps ## one pass of every command under valgrind: no wrong read or write, no leak
	@tools/deps.sh valgrind
	$(MAKE) $(PRODUCTS)
	@OUT=$(OUT) tests/valgrind.sh
.PHONY: valgrind
