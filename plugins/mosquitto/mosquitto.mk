MOSQUITTO_PLUGIN := $(OUT)/plugins/mosquitto/mosquitto_esp_token.so
MOSQUITTO_DIR    ?= $(PREFIX)/lib/esp-token
HOST_PACKAGES    += mosquitto mosquitto-clients procps

$(eval $(call adapter,mosquitto,$(call HAS_HEADER,mosquitto_broker.h),mosquitto-dev libmosquitto-dev,plugins/mosquitto/$(notdir $(MOSQUITTO_PLUGIN)),$(MOSQUITTO_DIR)))

# The broker itself holds what the plugin calls: no -z defs here.
$(MOSQUITTO_PLUGIN): $(call sources,plugins/mosquitto)
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -shared $^ -o $@ -ldl

# Topics and clients, which need no broker.
$(OUT)/tests/hosts/test_topics: $(OUT)/plugins/mosquitto/topics.o $(OUT)/plugins/mosquitto/clients.o

# A broker in miniature: the plugin finds in the test what it calls.
$(OUT)/tests/hosts/test_broker: TEST_LIBS += -rdynamic
$(OUT)/tests/hosts/test_broker: $(MOSQUITTO_PLUGIN)
