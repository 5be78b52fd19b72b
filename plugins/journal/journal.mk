# SPDX-License-Identifier: ISC
# The journal plugins of a fleet. Only esp-tokenctl and the portal load them. They use include/espt/journal.h, and
# nothing in src/.
$(OUT)/plugins/journal/%.o: BASE_CPPFLAGS = -D_GNU_SOURCE -Iinclude -Iplugins -I$(OUT)/src
JOURNAL_COMMON := $(call sources,plugins/journal)

# $(call journal,KIND,LIBRARIES)
define journal
$(OUT)/esp_journal_$(1).so: $(call sources,plugins/journal/$(1)) $(JOURNAL_COMMON) plugins/journal/$(1)/export.map
	$$(call SAY,LINK  $$@)
	$$(Q)$$(LINK) -shared $$(filter %.o,$$^) -o $$@ -Wl,--version-script=plugins/journal/$(1)/export.map $$(NO_UNDEFINED) $(2)
endef
$(eval $(call journal,dir,))
$(eval $(call journal,pg,$$(call PC,libpq)))
$(OUT)/plugins/journal/pg/%.o: MORE_CPPFLAGS += $(call PC_CFLAGS,libpq)
$(eval $(call journal,http,$$(call PC,libcurl libsodium)))
$(OUT)/plugins/journal/http/%.o: MORE_CPPFLAGS += $(call PC_CFLAGS,libcurl libsodium)
