# SPDX-License-Identifier: ISC
# One file, which contains the path of the installed plugin.
PYTHONDIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/python3/dist-packages,$(PREFIX)/lib/$(PYTHON_FOLDER)/dist-packages)
PYTHON_FOLDER = $(eval PYTHON_FOLDER := $$(shell \
  /usr/bin/python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])' 2>/dev/null || echo python3))$(PYTHON_FOLDER)
HOST_PACKAGES += mypy curl
$(eval $(call adapter,python,command -v python3 >/dev/null,python3,plugins/python/esp_token.py,$$(PYTHONDIR),0644))

$(OUT)/plugins/python/esp_token.py: plugins/python/esp_token.py $(OUT)/plugins/paths.h
	@mkdir -p $(@D)
	$(call SAY,MAKE  $@)
	$(Q)sed 's|^PLUGIN = .*|PLUGIN = "$(VALIDATOR_PATH)"|' $< >$@
