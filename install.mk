# SPDX-License-Identifier: ISC
# The files that make install copies, and that make uninstall removes.

# $(call INSTALL_FILE,MODE,FILE,PLACE) sets modes that do not depend on the umask, because the users of
# hosts must be able to read the files.
define INSTALL_FILE
$(call SAY,INSTALL $(DESTDIR)$(3))
$(Q)umask 022 && install -D -m $(1) $(2) '$(DESTDIR)$(3)'
endef

# the same for a template, with its @NAMES@ replaced
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g; s|@BINDIR@|$(BINDIR)|g; s|@LIBDIR@|$(LIBDIR)|g' \
  -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g; s|@VERSION@|$(VERSION)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' $(1)
define INSTALL_FILLED
$(call SAY,INSTALL $(DESTDIR)$(3))
$(Q)umask 022 && $(call FILL,$(2)) | install -D -m $(1) /dev/stdin '$(DESTDIR)$(3)'
endef

# the same for a file that administrators edit: does not replace an existing one
define INSTALL_ONCE
@[ -e '$(DESTDIR)$(3)' ] || { echo '  INSTALL $(DESTDIR)$(3)' && umask 022 && install -D -m $(1) $(2) '$(DESTDIR)$(3)'; }
endef

define REMOVE
$(call SAY,REMOVE $(DESTDIR)$(1))
$(Q)rm -f '$(DESTDIR)$(1)'
endef

PLACE_CTL   = $(BINDIR)/esp-tokenctl
PLACE_ABI   = $(INCLUDEDIR)/espt/validator.h
PLACE_ROLES = $(DATADIR)/esp-token/roles.sql
PLACE_JOURNAL = $(INCLUDEDIR)/espt/journal.h
PLACE_PC    = $(PKGCONFIGDIR)/esp-validator.pc
PLACE_BASH  = $(BASHDIR)/esp-tokenctl
PLACE_ZSH   = $(ZSHDIR)/_esp-tokenctl
PLACE_FISH  = $(FISHDIR)/esp-tokenctl.fish
PLACE_USERS = $(SYSUSERSDIR)/esp-token.conf
PLACE_FILES = $(TMPFILESDIR)/esp-token.conf
PLACE_ETC   = $(SYSCONFDIR)/esp-token
PLACE_PORTAL = $(BINDIR)/esp-token-portal
PLACE_PAGES = $(DATADIR)/esp-token/portal

install: all ## install below PREFIX (DESTDIR=, …: see README); keeps an edited configuration
	$(call INSTALL_FILE,0755,build/esp-tokenctl,$(PLACE_CTL))
	$(call INSTALL_FILE,0755,build/esp_validator.so,$(VALIDATOR_PATH))
	$(call INSTALL_FILE,0755,build/esp-token-portal,$(PLACE_PORTAL))
	$(foreach page,$(notdir $(PAGES)) openapi.json,$(call INSTALL_FILE,0644,$(OUT)/portal/$(page),$(PLACE_PAGES)/$(page))$(NEWLINE))
	$(foreach file,$(notdir $(JOURNALS)),$(call INSTALL_FILE,0755,build/$(file),$(LIBDIR)/esp-token/$(file))$(NEWLINE))
	$(call INSTALL_FILE,0644,include/espt/validator.h,$(PLACE_ABI))
	$(call INSTALL_FILE,0644,include/espt/journal.h,$(PLACE_JOURNAL))
	$(call INSTALL_FILE,0644,plugins/journal/pg/roles.sql,$(PLACE_ROLES))
	$(call INSTALL_FILLED,0644,etc/esp-validator.pc.in,$(PLACE_PC))
	$(call INSTALL_FILE,0644,etc/completions/esp-tokenctl.bash,$(PLACE_BASH))
	$(call INSTALL_FILE,0644,etc/completions/_esp-tokenctl,$(PLACE_ZSH))
	$(call INSTALL_FILE,0644,etc/completions/esp-tokenctl.fish,$(PLACE_FISH))
	$(call INSTALL_FILE,0644,etc/esp-token.sysusers,$(PLACE_USERS))
	$(call INSTALL_FILE,0644,etc/esp-token.tmpfiles,$(PLACE_FILES))
	$(foreach unit,$(UNITS),$(call INSTALL_FILLED,0644,$(wildcard etc/systemd/$(unit) etc/systemd/$(unit).in),$(UNITDIR)/$(unit))$(NEWLINE))
	$(call INSTALL_ONCE,0644,etc/esp-token.conf,$(PLACE_ETC)/esp-token.conf)
	$(call INSTALL_ONCE,0644,etc/tiers.ini,$(PLACE_ETC)/tiers.ini)
	$(if $(DESTDIR),,@printf '%s\n' $(SERVICE))

uninstall: ## remove what install made, except the configuration
	$(foreach file,$(notdir $(JOURNALS)),$(call REMOVE,$(LIBDIR)/esp-token/$(file))$(NEWLINE))
	$(foreach place,PLACE_CTL PLACE_PORTAL VALIDATOR_PATH PLACE_ABI PLACE_JOURNAL PLACE_ROLES PLACE_PC PLACE_BASH PLACE_ZSH PLACE_FISH PLACE_USERS PLACE_FILES,\
	  $(call REMOVE,$($(place)))$(NEWLINE))
	$(foreach unit,$(UNITS),$(call REMOVE,$(UNITDIR)/$(unit))$(NEWLINE))
	$(foreach page,$(notdir $(PAGES)) openapi.json,$(call REMOVE,$(PLACE_PAGES)/$(page))$(NEWLINE))

# a line break between the commands of a foreach
define NEWLINE


endef

# The steps from installed files to a working service.
SERVICE = '' 'Installed. As root, six commands lead to a working service:' \
  '  systemd-sysusers $(PLACE_USERS)' \
  '  systemd-tmpfiles --create $(PLACE_FILES)' \
  '  $(PLACE_CTL) init' \
  '  systemctl daemon-reload && systemctl enable --now esp-token-usage.timer esp-token-usage-shutdown.service' \
  '  usermod --append --groups esp-token www-data   (the user of each host; then restart the host)' \
  '  $(PLACE_CTL) entity add acme --kind customer   (prints its first token)'
