# make help lists the targets. Every output lands in build/VARIANT; a plain make links the release
# variant's two products into build/.

VERSION    := 0.2.0
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
BASH_DIR   := $(PREFIX)/share/bash-completion/completions
ZSH_DIR    := $(PREFIX)/share/zsh/site-functions
FISH_DIR   := $(PREFIX)/share/fish/vendor_completions.d
VARIANT    ?= release
CC         ?= cc
OUT        := build/$(VARIANT)
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Wshadow
WARNINGS += -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
HARDEN   += -fno-strict-overflow -fno-delete-null-pointer-checks
HARDEN   += $(if $(filter x86_64%,$(shell uname -m)),-fcf-protection=full)
OPT_release := -O2 -D_FORTIFY_SOURCE=3
DEFS_release := -Wl,-z,defs
OPT_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    := -O1 -fsanitize=thread
OPT_coverage := -O0 --coverage -fprofile-update=atomic -fprofile-abs-path -include $(abspath tests/coverage/counters.h) \
  -Wl,--exclude-libs,libgcov.a

CFLAGS   ?= -g
CPPFLAGS += -D_GNU_SOURCE -Isrc -I$(OUT)/src -Iinclude $(shell $(PKG_CONFIG) --cflags smartcols 2>/dev/null)
ALL_CFLAGS = -std=c17 $(CFLAGS) $(OPT_$(VARIANT)) $(WARNINGS) $(HARDEN) -fPIC -fvisibility=hidden -MMD -MP
LINK       = $(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,-z,relro,-z,now
PC         = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
STATIC     = -Wl,-Bstatic $(1) -Wl,-Bdynamic

# V=1 shows the commands whole
Q          := $(if $(V),,@)
SAY         = @$(if $(V),:,echo '  $(1)')

sources    = $(patsubst %.c,$(OUT)/%.o,$(wildcard $(addsuffix /*.c,$(1))))
COMMON    := $(call sources,src/common)
READER    := $(call sources,src/reader)
STORE     := $(call sources,src/store)
CLI       := $(call sources,src/cli) $(OUT)/shipped.o
PLUGIN    := $(call sources,plugins/validator)
# What a validation runs through is compiled as a whole: calls between its files would cost as much
# as what they do. The tuning is for any x86-64; the usual one copies a few bytes by `rep movs`.
WHOLE_release := -O3 -flto $(if $(filter x86_64%,$(shell uname -m)),-mtune=haswell)
HOT       := $(PLUGIN) $(READER) $(COMMON)
HOT       := $(if $(WHOLE_$(VARIANT)),$(HOT:$(OUT)/%=$(OUT)/whole/%),$(HOT))

.PHONY: all deps demo check asan tsan install uninstall clean help format
.SECONDARY:
all: $(OUT)/esp-tokenctl $(OUT)/esp_validator.so ## build build/esp-tokenctl and build/esp_validator.so
ifeq ($(VARIANT),release)
all: build/esp-tokenctl build/esp_validator.so
build/%: $(OUT)/%
	$(Q)ln -sf $(VARIANT)/$* $@
endif

# Rewritten only where it would say something else: what names a place is built again if make install
# is given another one than the make before, and nothing else is.
REWRITE = >$@.$$$$; cmp -s $@.$$$$ $@ && rm $@.$$$$ || mv $@.$$$$ $@
$(OUT)/src/places.h: FORCE
	@mkdir -p $(@D)
	@printf '#define ESPT_%s "%s"\n' VERSION '$(VERSION)' SYSCONFDIR '$(SYSCONFDIR)' $(REWRITE)

$(OUT)/%.o: %.c | $(OUT)/src/places.h
	@mkdir -p $(@D)
	$(call SAY,CC    $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

$(OUT)/whole/%.o: %.c | $(OUT)/src/places.h
	@mkdir -p $(@D)
	$(call SAY,CC    $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(WHOLE_$(VARIANT)) -c $< -o $@

# etc/ as C texts, for init
QUOTE = sed 's/[\\"]/\\&/g; s/.*/    "&\\n"/' $(1)
$(OUT)/shipped.c: etc/tiers.ini etc/esp-token.conf Makefile
	@mkdir -p $(@D)
	$(Q){ echo '#include "cli/shipped.h"'; \
	  echo 'const char shipped_tiers[] ='; $(call QUOTE,etc/tiers.ini); echo ';'; \
	  echo 'const char shipped_config[] ='; $(call QUOTE,etc/esp-token.conf); echo ';'; } > $@
$(OUT)/shipped.o: $(OUT)/shipped.c
	$(call SAY,CC    $<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c $< -o $@

CTL_LIBS   = $(call PC,lmdb libsodium inih smartcols jansson libbsd) -ldl
$(OUT)/esp-tokenctl: $(CLI) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(CTL_LIBS)

$(OUT)/esp_validator.so: $(HOT) plugins/validator/export.map
	$(call SAY,LINK  $@)
	$(Q)$(LINK) $(WHOLE_$(VARIANT)) -shared $(filter %.o,$^) -o $@ -Wl,--version-script=plugins/validator/export.map \
	  -Wl,--exclude-libs,ALL -Wl,-z,nodelete $(DEFS_$(VARIANT)) \
	  $(call STATIC,$(call PC,libsodium inih))

# Whatever the umask, hosts of other users read it.
PUT := umask 022 && install

include plugins/adapters.mk $(wildcard man/*.mk demo/*.mk examples/*.mk tests/*.mk tests/*/*.mk)

deps: ## install the Debian packages that are missing, saying which
	@tools/deps.sh

TO  := $(DESTDIR)$(PREFIX)
ETC := $(DESTDIR)$(SYSCONFDIR)/esp-token
install: all ## install (DESTDIR=, PREFIX=/usr/local, SYSCONFDIR=/etc); an edited config is kept
	$(PUT) -d '$(TO)/bin' '$(TO)/lib/esp-token' '$(TO)/lib/pkgconfig' '$(TO)/include/espt' '$(ETC)' \
	  '$(DESTDIR)$(BASH_DIR)' '$(DESTDIR)$(ZSH_DIR)' '$(DESTDIR)$(FISH_DIR)' '$(TO)/lib/sysusers.d' '$(TO)/lib/tmpfiles.d' \
	  '$(TO)/lib/systemd/system'
	$(PUT) -m 0755 build/esp-tokenctl '$(TO)/bin/esp-tokenctl'
	$(PUT) -m 0755 build/esp_validator.so '$(TO)/lib/esp-token/esp_validator.so'
	$(PUT) -m 0644 include/espt/validator.h '$(TO)/include/espt/validator.h'
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' etc/esp-validator.pc.in | \
	  { $(PUT) -m 0644 /dev/stdin '$(TO)/lib/pkgconfig/esp-validator.pc'; }
	$(PUT) -m 0644 etc/completions/esp-tokenctl.bash '$(DESTDIR)$(BASH_DIR)/esp-tokenctl'
	$(PUT) -m 0644 etc/completions/_esp-tokenctl '$(DESTDIR)$(ZSH_DIR)/_esp-tokenctl'
	$(PUT) -m 0644 etc/completions/esp-tokenctl.fish '$(DESTDIR)$(FISH_DIR)/esp-tokenctl.fish'
	$(PUT) -m 0644 etc/esp-token.sysusers '$(TO)/lib/sysusers.d/esp-token.conf'
	$(PUT) -m 0644 etc/esp-token.tmpfiles '$(TO)/lib/tmpfiles.d/esp-token.conf'
	for f in esp-token-usage.service esp-token-usage-shutdown.service; do \
	  sed 's|@PREFIX@|$(PREFIX)|' etc/systemd/$$f.in | \
	  { $(PUT) -m 0644 /dev/stdin '$(TO)/lib/systemd/system'/$$f; } || exit 1; done
	$(PUT) -m 0644 etc/systemd/esp-token-usage.timer '$(TO)/lib/systemd/system/esp-token-usage.timer'
	for f in esp-token.conf tiers.ini; do \
	  [ -e '$(ETC)'/$$f ] || { $(PUT) -m 0644 etc/$$f '$(ETC)'/$$f; } || exit 1; done

uninstall: ## remove what install made, but for the configuration
	rm -f '$(TO)/bin/esp-tokenctl' '$(TO)/include/espt/validator.h' \
	  '$(TO)/lib/esp-token/esp_validator.so' '$(TO)/lib/pkgconfig/esp-validator.pc' \
	  '$(DESTDIR)$(BASH_DIR)/esp-tokenctl' '$(DESTDIR)$(ZSH_DIR)/_esp-tokenctl' \
	  '$(DESTDIR)$(FISH_DIR)/esp-tokenctl.fish' \
	  '$(TO)/lib/sysusers.d/esp-token.conf' '$(TO)/lib/tmpfiles.d/esp-token.conf' \
	  '$(TO)/lib/systemd/system/esp-token-usage.service' '$(TO)/lib/systemd/system/esp-token-usage.timer' \
	  '$(TO)/lib/systemd/system/esp-token-usage-shutdown.service'

format: ## format every source by .clang-format
	clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove build/
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:[^#]*## /\t/' | expand -t 14

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
