# SPDX-License-Identifier: ISC
# Run 'make help' for the list of targets. All output goes to build/VARIANT; a plain `make` also
# links the release variant's two products into build/.

# No rule of make's own is used, and make would try them all for every file.
MAKEFLAGS    += --no-builtin-rules

VERSION      := 0.3.0-dev
VARIANT      ?= release
OUT          := build/$(VARIANT)

# --- install locations; README lists the defaults ---
DESTDIR      ?=
PREFIX       ?= /usr/local
SYSCONFDIR   ?= /etc
BINDIR       ?= $(PREFIX)/bin
LIBDIR       ?= $(PREFIX)/lib
INCLUDEDIR   ?= $(PREFIX)/include
DATADIR      ?= $(PREFIX)/share
MANDIR       ?= $(PREFIX)/share/man
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
UNITDIR      ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR  ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR  ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR      ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR       ?= $(PREFIX)/share/zsh/site-functions
FISHDIR      ?= $(PREFIX)/share/fish/vendor_completions.d
# the path of the validator as hosts name it
VALIDATOR_PATH = $(LIBDIR)/esp-token/esp_validator.so

# --- tools and flags: CPPFLAGS, CFLAGS and LDFLAGS belong to the caller and follow ours ---
CC           ?= cc
PKG_CONFIG   ?= pkg-config
CFLAGS       ?= -g
CPPFLAGS     ?=
LDFLAGS      ?=
WERROR       ?= 0
V            ?=
# Running the compiler or pkg-config takes longer than reading the makefiles. So a variable does that when it is
# first used, and only once. A make started by this one does it again, because its settings can differ.
MACHINE       = $(eval MACHINE := $$(shell $$(CC) -dumpmachine 2>/dev/null))$(MACHINE)
MULTIARCH     = $(eval MULTIARCH := $$(shell $$(CC) -print-multiarch 2>/dev/null))$(MULTIARCH)

WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Wshadow
WARNINGS += -Wstrict-prototypes -Wmissing-prototypes $(if $(filter-out 0,$(WERROR)),-Werror)
HARDEN    = -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
HARDEN   += -fno-strict-overflow -fno-delete-null-pointer-checks
HARDEN   += $(if $(filter x86_64%,$(MACHINE)),-fcf-protection=full)
# otherwise libgcc adds a constructor to the validator, which detects the processor
HARDEN   += $(if $(filter aarch64%,$(MACHINE)),-mno-outline-atomics)
# _FORTIFY_SOURCE needs an optimizing compiler.
FORTIFY  := $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
OPT_release  := -O2 $(FORTIFY)
OPT_asan     := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Without -ftree-vrp gcc 12 does not see that lengths are bounded, and warns of copies in schema1.c.
OPT_tsan     := -O1 -ftree-vrp -fsanitize=thread
OPT_coverage := -O0 --coverage -fprofile-update=atomic -fprofile-abs-path -include $(abspath tests/coverage/counters.h) \
  -Wl,--exclude-libs,libgcov.a
# With a sanitizer, undefined symbols are allowed: its functions are found only when the program starts.
COMMA        := ,
NO_UNDEFINED := $(if $(filter release,$(VARIANT)),-Wl$(COMMA)-z$(COMMA)defs)

# BASE_CPPFLAGS is what every source needs; a rule adds its own flags to MORE_CPPFLAGS.
BASE_CPPFLAGS  = -D_GNU_SOURCE -Isrc -I$(OUT)/src -Iinclude $(call PC_CFLAGS,smartcols)
MORE_CPPFLAGS :=
ALL_CPPFLAGS   = $(BASE_CPPFLAGS) $(MORE_CPPFLAGS) $(CPPFLAGS)
MORE_CFLAGS   :=
ALL_CFLAGS     = -std=c17 $(OPT_$(VARIANT)) $(WARNINGS) $(HARDEN) -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS) $(MORE_CFLAGS)
COMPILE        = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@
LINK           = $(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,-z,relro,-z,now
# The flags that link these packages, and those that compile with them; pkg-config runs once for each
# list of packages, not for each file.
EMPTY         :=
PC_NAME        = PC$(1)_$(subst $(EMPTY) $(EMPTY),_,$(2))
PC_ASK         = $(if $(filter undefined,$(origin $(PC_NAME))),$(eval $(PC_NAME) := $$(shell $$(PKG_CONFIG) $(1) $(2) 2>/dev/null)))$($(PC_NAME))
PC             = $(call PC_ASK,--libs,$(1))
PC_CFLAGS      = $(call PC_ASK,--cflags,$(1))
STATIC         = -Wl,-Bstatic $(1) -Wl,-Bdynamic

# For targets that run `make deps` and then `make -j`: one job for each core unless the caller gave
# a -j.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# V=1 shows whole commands
Q   := $(if $(V),,@)
SAY  = @$(if $(V),:,echo '  $(1)')

include lists.mk

# Distributions put -O2 into CFLAGS by default, so that level does not count; any other level does.
WHOLE_CFLAGS  = $(WHOLE_release) $(if $(filter -O%,$(filter-out -O2,$(CFLAGS))),,-O3)

.PHONY: all deps check asan tsan install uninstall clean help format dist FORCE
.SECONDARY:
all: $(PRODUCTS) ## build build/esp-tokenctl, build/esp_validator.so and build/esp-token-portal
ifeq ($(VARIANT),release)
all: $(filter-out build/portal/%,$(PRODUCTS:$(OUT)/%=build/%))
build/%: $(OUT)/%
	$(Q)ln -sf $(VARIANT)/$* $@
endif
FORCE:

# Writes the file only if its content changes. So if the install locations differ from those of the
# last make, only the files that contain a location are built again.
REWRITE = >$@.$$$$; cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@
$(OUT)/src/build_config.h: FORCE
	@mkdir -p $(@D)
	@printf '#define ESPT_%s "%s"\n' VERSION '$(VERSION)' SYSCONFDIR '$(SYSCONFDIR)' PLUGIN '$(VALIDATOR_PATH)' PAGES '$(PLACE_PAGES)' $(REWRITE)

$(OUT)/%.o: %.c | $(OUT)/src/build_config.h
	@mkdir -p $(@D)
	$(call SAY,CC    $<)
	$(Q)$(COMPILE)

$(OUT)/whole/%.o: MORE_CFLAGS = $(WHOLE_CFLAGS)
$(OUT)/whole/%.o: %.c | $(OUT)/src/build_config.h
	@mkdir -p $(@D)
	$(call SAY,CC    $<)
	$(Q)$(COMPILE)

# etc/ as C strings, for init
QUOTE = sed 's/[\\"]/\\&/g; s/.*/    "&\\n"/' $(1)
$(OUT)/shipped.c: etc/tiers.ini etc/esp-token.conf Makefile
	@mkdir -p $(@D)
	$(Q){ echo '#include "cli/shipped.h"'; \
	  echo 'const char shipped_tiers[] ='; $(call QUOTE,etc/tiers.ini); echo ';'; \
	  echo 'const char shipped_config[] ='; $(call QUOTE,etc/esp-token.conf); echo ';'; } > $@
$(OUT)/shipped.o: $(OUT)/shipped.c
	$(call SAY,CC    $<)
	$(Q)$(COMPILE)

CTL_LIBS   = $(call PC,lmdb libsodium inih smartcols jansson libbsd libutf8proc) -ldl
$(OUT)/esp-tokenctl: $(CLI) $(FLEET) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(CTL_LIBS)

PORTAL_LIBS = $(call PC,libmicrohttpd libseccomp gnutls lmdb libsodium inih jansson libutf8proc) -ldl
$(OUT)/esp-token-portal: $(PORTAL) $(FLEET) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(PORTAL_LIBS)

# the portal's pages, where the program finds them beside itself
$(OUT)/portal/openapi.json: docs/portal-api.json $(PAGES)
	$(call SAY,PAGES $(@D))
	$(Q)rm -rf $(@D) && umask 022 && mkdir -p $(@D) && install -m 0644 -t $(@D) $(PAGES) $< && mv $(@D)/$(<F) $@

ifeq ($(VARIANT),release)
$(OUT)/esp_validator.so: MORE_CFLAGS = $(WHOLE_CFLAGS)
endif
$(OUT)/esp_validator.so: $(HOT) plugins/validator/export.map
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -shared $(filter %.o,$^) -o $@ -Wl,--version-script=plugins/validator/export.map \
	  -Wl,--exclude-libs,ALL -Wl,-z,nodelete $(NO_UNDEFINED) \
	  $(call STATIC,$(call PC,libsodium inih))

include plugins/adapters.mk install.mk $(wildcard packaging/*.mk man/*.mk demo/*.mk examples/*.mk tests/*.mk tests/*/*.mk)

deps: ## install the missing Debian packages, and name them
	@tools/deps.sh

format: ## format every source with .clang-format
	@tools/deps.sh clang-format
	clang-format -i $(filter-out %.cc,$(C_SOURCES))

# The files come from git and not from the working tree, so that two people make the same bytes.
DIST := esp-token-$(VERSION)
dist: ## make a reproducible build/esp-token-VERSION.tar.gz of the last commit
	@git rev-parse --is-inside-work-tree >/dev/null 2>&1 || { echo 'make dist: this is not a git checkout' >&2; exit 1; }
	@git diff --quiet HEAD || echo 'make dist: the archive lacks uncommitted changes' >&2
	@mkdir -p build
	$(call SAY,DIST  build/$(DIST).tar.gz)
	$(Q)git -c tar.umask=0022 archive --format=tar --prefix=$(DIST)/ HEAD >build/$(DIST).tar
	$(Q)gzip -9nf build/$(DIST).tar

# The compiler command for each C source, for editors and analysers; taken from a dry run of the
# build.
compile_commands.json: FORCE ## write compile_commands.json, for clangd and other tools
	$(call SAY,MAKE  $@)
	@$(MAKE) --no-print-directory -nwB V=1 all $(TESTS) $(OUT)/manual | tools/compile_commands.sh '$(CURDIR)' >$@.new
	@mv $@.new $@

clean: ## remove build/
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z_.-]+:.*##' $(MAKEFILE_LIST) | sort -u | sed -E 's/:[^#]*## /\t/' | expand -t 24

# The header dependencies that the compiler wrote. Targets that only run other programs do not need them.
ifneq ($(filter-out help clean deps deps-hosts,$(or $(MAKECMDGOALS),all)),)
-include $(if $(wildcard $(OUT) $(FUZZ_OUT)),$(shell find $(OUT) $(FUZZ_OUT) -name '*.d' 2>/dev/null))
endif
