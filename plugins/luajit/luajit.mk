# One file, with the place of the installed plugin in it.
LUADIR ?= $(PREFIX)/share/lua/5.1
HOST_PACKAGES += libluajit-5.1-dev
$(eval $(call adapter,luajit,command -v luajit >/dev/null,luajit,plugins/luajit/esp_token.lua,$(LUADIR)))

$(OUT)/plugins/luajit/esp_token.lua: plugins/luajit/esp_token.lua $(OUT)/plugins/paths.h
	@mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)sed 's|^    PLUGIN = .*|    PLUGIN = "$(VALIDATOR_PATH)",|' $< >$@

$(OUT)/tests/hosts/test_luajit_threads.o: CPPFLAGS += $(shell $(PKG_CONFIG) --cflags luajit 2>/dev/null) \
  -DOUT='"$(abspath $(OUT))"'
$(OUT)/tests/hosts/test_luajit_threads: TEST_LIBS = $(call PC,luajit)
