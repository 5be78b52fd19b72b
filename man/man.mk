# Pages by scdoc; that of esp-tokenctl takes its commands from the program's own table.
MAN_DIR   := $(PREFIX)/share/man
MAN_PAGES := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))

$(OUT)/manual: $(OUT)/tools/manual.o $(filter-out $(OUT)/src/cli/main.o,$(CLI)) $(STORE) $(READER) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(CTL_LIBS)

build/man/places.sed: FORCE
	@mkdir -p $(@D)
	@printf 's|@%s@|%s|g\n' SYSCONFDIR '$(SYSCONFDIR)' PREFIX '$(PREFIX)' $(REWRITE)

build/man/commands: $(OUT)/manual
	@mkdir -p $(@D)
	$(Q)$< > $@

# where the line @COMMANDS@ stands, the table is told
build/man/%: man/%.scd build/man/commands build/man/places.sed
	@command -v scdoc >/dev/null || { echo 'scdoc is missing: install it, or run make deps' >&2; exit 1; }
	$(call SAY,MAN   $@)
	$(Q)sed -e '/^@COMMANDS@$$/{r build/man/commands' -e 'd;}' -f build/man/places.sed $< | scdoc > $@.new && mv $@.new $@

.PHONY: man install-man uninstall-man
man: $(MAN_PAGES) ## make the man pages

install-man: man
	for page in $(MAN_PAGES); do d='$(DESTDIR)$(MAN_DIR)'/man$${page##*.}; \
	  { $(PUT) -d "$$d" && $(PUT) -m 0644 $$page "$$d/"; } || exit 1; done
install: install-man

uninstall-man:
	for page in $(notdir $(MAN_PAGES)); do rm -f '$(DESTDIR)$(MAN_DIR)'/man$${page##*.}/$$page; done
uninstall: uninstall-man
