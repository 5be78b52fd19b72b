# SPDX-License-Identifier: ISC
# Example hosts, to read and to start your own from. They need only the public header.
CXX ?= c++
$(OUT)/examples/%.o: BASE_CPPFLAGS = $(ADAPTER_CPPFLAGS)

$(OUT)/examples/host: $(OUT)/examples/host.o
	$(call SAY,LINK  $@)
	$(Q)$(LINK) -pie $^ -o $@ -ldl

$(OUT)/examples/host-cc: examples/host.cc include/espt/validator.h
	@mkdir -p $(@D)
	$(call SAY,CXX   $<)
	$(Q)$(CXX) -std=c++17 -Iinclude $(CFLAGS) $(OPT_$(VARIANT)) $(filter-out -Wstrict-% -Wmissing-%,$(WARNINGS)) \
	  $(HARDEN) $(LDFLAGS) $< -o $@ -ldl

.PHONY: examples
examples: $(OUT)/examples/host $(OUT)/examples/host-cc ## build the hosts in examples/
