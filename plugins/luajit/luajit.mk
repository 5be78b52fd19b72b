# SPDX-License-Identifier: ISC
# One file, which contains the path of the installed plugin.
LUADIR ?= $(PREFIX)/share/lua/5.1
HOST_PACKAGES += libluajit-5.1-dev
$(eval $(call adapter,luajit,command -v luajit >/dev/null,luajit,plugins/luajit/esp_token.lua,$(LUADIR),0644))

$(OUT)/plugins/luajit/esp_token.lua: plugins/luajit/esp_token.lua $(OUT)/plugins/paths.h
	@mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)sed 's|^    PLUGIN = .*|    PLUGIN = "$(VALIDATOR_PATH)",|' $< >$@

$(OUT)/tests/hosts/test_luajit_threads.o: MORE_CPPFLAGS += $(call PC_CFLAGS,luajit) \
  -DOUT='"$(abspath $(OUT))"'
$(OUT)/tests/hosts/test_luajit_threads: TEST_LIBS = $(call PC,luajit)

# nginx with Lua, for its test. Its LuaJIT conflicts with that of `luajit`, so its packages are unpacked and not
# installed.
NGINX_LUA := $(OUT)/tests/hosts/nginx-lua
HOST_FILES += $(NGINX_LUA)/unpacked
$(NGINX_LUA)/unpacked: plugins/luajit/luajit.mk
	@rm -rf $(@D) && mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)cd $(@D) && apt-get download -q $(addprefix libnginx-mod-http-,lua ndk) libluajit2-5.1-2 \
	  lua-resty-core lua-resty-lrucache >log 2>&1 || { cat log; exit 1; }
	$(Q)cd $(@D) && for package in *.deb; do dpkg -x $$package . || exit 1; rm $$package; done && touch $(@F)
