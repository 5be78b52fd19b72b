# SPDX-License-Identifier: ISC
MOSQUITTO_PLUGIN := $(OUT)/plugins/mosquitto/mosquitto_esp_token.so
MOSQUITTO_DIR    ?= $(PREFIX)/lib/esp-token
HOST_PACKAGES    += mosquitto mosquitto-clients procps

$(eval $(call adapter,mosquitto,$(call HAS_HEADER,mosquitto_broker.h),mosquitto-dev libmosquitto-dev,plugins/mosquitto/$(notdir $(MOSQUITTO_PLUGIN)),$(MOSQUITTO_DIR),0644))

# The broker defines the functions that the plugin calls, so -z defs is not used.
$(MOSQUITTO_PLUGIN): $(call sources,plugins/mosquitto)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -shared $^ -o $@ -ldl

# The test of topics and clients needs no broker.
$(OUT)/tests/hosts/test_topics: $(OUT)/plugins/mosquitto/topics.o $(OUT)/plugins/mosquitto/clients.o

# A small broker: the test defines the functions that the plugin calls.
$(OUT)/tests/hosts/test_broker: TEST_LIBS += -rdynamic
$(OUT)/tests/hosts/test_broker: $(MOSQUITTO_PLUGIN)
