# SPDX-License-Identifier: ISC
# scdoc makes the manual pages. The commands in esp-tokenctl(8) come from the program's own table.
$(OUT)/manual: $(OUT)/tools/manual.o $(filter-out $(OUT)/src/cli/main.o,$(CLI)) $(FLEET) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(CTL_LIBS)

build/man/places.sed: FORCE
	@mkdir -p $(@D)
	@printf 's|@%s@|%s|g\n' SYSCONFDIR '$(SYSCONFDIR)' PREFIX '$(PREFIX)' LIBDIR '$(LIBDIR)' DATADIR '$(DATADIR)' $(REWRITE)

build/man/commands: $(OUT)/manual
	@mkdir -p $(@D)
	$(Q)$< > $@

# The line @COMMANDS@ is replaced by the table of commands.
build/man/%: man/%.scd build/man/commands build/man/places.sed man/roff.awk
	@command -v scdoc >/dev/null || { echo 'scdoc is missing: install it, or run make deps' >&2; exit 1; }
	$(call SAY,MAN   $@)
	$(Q)sed -e '/^@COMMANDS@$$/{r build/man/commands' -e 'd;}' -f build/man/places.sed $< | scdoc > $@.roff && \
	  awk -f man/roff.awk $@.roff > $@.new && mv $@.new $@ && rm $@.roff

.PHONY: man install-man uninstall-man
man: $(MAN_PAGES) ## make the man pages

# where a page is installed
page_place = $(MANDIR)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
install-man: man
	$(foreach page,$(MAN_PAGES),$(call INSTALL_FILE,0644,$(page),$(call page_place,$(page)))$(NEWLINE))
install: install-man

uninstall-man:
	$(foreach page,$(MAN_PAGES),$(call REMOVE,$(call page_place,$(page)))$(NEWLINE))
uninstall: uninstall-man
