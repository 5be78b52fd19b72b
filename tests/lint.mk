# SPDX-License-Identifier: ISC
# Static analysis. .clang-tidy lists the checks, and says why others are off. Every C source of src/
# and plugins/ is analysed; the sources of tests, examples and tools are only formatted.
LINTED       := $(wildcard src/*/*.c src/*/*/*.c plugins/*/*.c plugins/*/*/*.c)
LINT_INCLUDE := -Isrc -I$(OUT)/src -Iinclude -Iplugins -I$(OUT)/plugins
# the headers of nginx come with its source tree and are not analysed
LINT_NGINX   := $(addprefix -isystem $(NGINX_OUT)/tree/,\
  src/core src/event src/os/unix src/http src/http/modules src/http/v2 objs)
LINT_SYSTEM   = $(patsubst -I%,-isystem %,$(call PC_CFLAGS,smartcols libpq libcurl))
LINT_PACKAGES := clang-tidy cppcheck clang-format

# Checks of cppcheck that are off: variableScope (this project declares variables at the start of a
# block), duplicateCondition and knownConditionTrueFalse (they assume that a callee does not write
# through a pointer, and that an atomic does not change).
CPPCHECK := cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability,style \
  --inline-suppr --suppress=variableScope --suppress=duplicateCondition --suppress=knownConditionTrueFalse

.PHONY: lint run-lint $(LINTED:%=tidy-%)
lint: deps-hosts ## run clang-format, clang-tidy and cppcheck
	@tools/deps.sh $(LINT_PACKAGES)
	@$(MAKE) $(PARALLEL) --no-print-directory run-lint

run-lint: $(LINTED:%=tidy-%)
	@clang-format --dry-run -Werror $(C_SOURCES)
	$(call SAY,CPPCHECK)
	$(Q)$(CPPCHECK) -j2 -D_GNU_SOURCE -Isrc -I$(OUT)/src -Iinclude -Iplugins -I$(OUT)/plugins src plugins

$(LINTED:%=tidy-%): tidy-%: | $(OUT)/src/build_config.h $(OUT)/plugins/paths.h $(NGINX_OUT)/tree/objs/Makefile
	$(call SAY,TIDY  $*)
	$(Q)clang-tidy --quiet $* -- -std=c17 -D_GNU_SOURCE $(LINT_INCLUDE) $(LINT_NGINX) \
	  $(LINT_SYSTEM) 2>/dev/null
