# One file, with the place of the installed plugin in it.
PYTHONDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/python3/dist-packages,$(PREFIX)/lib/$(shell \
  /usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null || echo python3)/dist-packages)
HOST_PACKAGES += mypy curl
$(eval $(call adapter,python,command -v python3 >/dev/null,python3,plugins/python/esp_token.py,$(PYTHONDIR)))

$(OUT)/plugins/python/esp_token.py: plugins/python/esp_token.py $(OUT)/plugins/paths.h
	@mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)sed 's|^PLUGIN = .*|PLUGIN = "$(VALIDATOR_PATH)"|' $< >$@
