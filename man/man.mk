# Pages by scdoc; that of esp-tokenctl takes its commands from the program's own table.
MAN_DIR   := $(PREFIX)/share/man
MAN_PAGES := $(patsubst man/%.scd,build/man/%,$(wildcard man/*.scd))
MAN_PATHS  = s|@SYSCONFDIR@|$(SYSCONFDIR)|g; s|@PREFIX@|$(PREFIX)|g

$(OUT)/manual: $(OUT)/tools/manual.o $(filter-out $(OUT)/src/cli/main.o,$(CLI)) $(STORE) $(COMMON)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ $(CTL_LIBS)

build/man/commands: $(OUT)/manual
	@mkdir -p $(@D)
	$(Q)$< > $@

# where the line @COMMANDS@ stands, the table is told
build/man/%: man/%.scd build/man/commands
	@command -v scdoc >/dev/null || { echo 'scdoc is missing: install it, or run make deps' >&2; exit 1; }
	$(call SAY,MAN   $@)
	$(Q)sed -e '/^@COMMANDS@$$/{r build/man/commands' -e 'd;}' -e '$(MAN_PATHS)' $< | scdoc > $@.new && mv $@.new $@

.PHONY: man install-man
man: $(MAN_PAGES) ## make the man pages

install-man: man
	for page in $(MAN_PAGES); do d=$(DESTDIR)$(MAN_DIR)/man$${page##*.}; \
	  install -d $$d && install -m 0644 $$page $$d/ || exit 1; done
install: install-man
