# What a reader who never tires finds. .clang-tidy says which checks, and why not the others.
# Every C source of src/ and plugins/ is looked at; those of tests, examples and tools are formatted.
LINTED       := $(wildcard src/*/*.c plugins/*/*.c)
LINT_INCLUDE := -Isrc -I$(OUT)/src -Iinclude -Iplugins -I$(OUT)/plugins
# nginx's headers come with its tree, and are its own affair
LINT_NGINX   := $(addprefix -isystem $(NGINX_OUT)/tree/,\
  src/core src/event src/os/unix src/http src/http/modules src/http/v2 objs)
LINT_PACKAGES := clang-tidy cppcheck clang-format

# cppcheck, left out of its style: variableScope (a block's variables stand at its head, as C's
# readers expect), duplicateCondition and knownConditionTrueFalse (it takes what a callee wrote
# through a pointer, or an atomic, for unchanged).
CPPCHECK := cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability,style \
  --inline-suppr --suppress=variableScope --suppress=duplicateCondition --suppress=knownConditionTrueFalse

.PHONY: lint run-lint $(LINTED:%=tidy-%)
lint: deps-hosts ## clang-format, clang-tidy and cppcheck find nothing
	@tools/deps.sh $(LINT_PACKAGES)
	@$(MAKE) --no-print-directory run-lint

run-lint: $(LINTED:%=tidy-%)
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format --dry-run -Werror
	$(call SAY,CPPCHECK)
	$(Q)$(CPPCHECK) -j2 -D_GNU_SOURCE -Isrc -I$(OUT)/src -Iinclude -Iplugins -I$(OUT)/plugins src plugins

$(LINTED:%=tidy-%): tidy-%: | $(OUT)/src/places.h $(OUT)/plugins/paths.h $(NGINX_OUT)/tree/objs/Makefile
	$(call SAY,TIDY  $*)
	$(Q)clang-tidy --quiet $* -- -std=c17 -D_GNU_SOURCE $(LINT_INCLUDE) $(LINT_NGINX) \
	  $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags smartcols 2>/dev/null)) 2>/dev/null
