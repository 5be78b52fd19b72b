# SPDX-License-Identifier: ISC
# nginx builds modules with its own configure, in a copy of the tree of nginx-dev. A module fits only the
# nginx of the same version.
NGINX_TREE    ?= /usr/share/nginx/src
NGINX_MODULES ?= /usr/lib/nginx/modules
NGINX_OUT     := $(OUT)/plugins/nginx
NGINX_MODULE  := $(NGINX_OUT)/ngx_http_esp_token_module.so
HOST_PACKAGES += nginx wrk curl procps

$(eval $(call adapter,nginx,[ -e $(NGINX_TREE)/conf_flags ],nginx-dev,plugins/nginx/$(notdir $(NGINX_MODULE)),$(NGINX_MODULES),0644))

NGINX_INCS    := $(abspath include plugins $(OUT)/plugins)
NGINX_OPT     := $(if $(filter coverage,$(VARIANT)),$(OPT_coverage),$(OPT_release))
NGINX_CFLAGS   = $(CFLAGS) $(NGINX_OPT) $(HARDEN) -fPIC
NGINX_LDFLAGS := $(filter --coverage -Wl%,$(NGINX_OPT)) -Wl,-z,relro -Wl,-z,now

$(NGINX_OUT)/tree/objs/Makefile: $(NGINX_TREE)/conf_flags plugins/nginx/config plugins/nginx/nginx.mk
	@rm -rf $(NGINX_OUT)/tree && mkdir -p $(NGINX_OUT) && cp -r $(NGINX_TREE) $(NGINX_OUT)/tree
	$(call SAY,CONF  plugins/nginx)
	$(Q)cd $(NGINX_OUT)/tree && ESPT_INCS='$(NGINX_INCS)' bash -c '. ./conf_flags && \
	  bash ./configure "$${NGX_CONF_FLAGS[@]}" --add-dynamic-module=$(abspath plugins/nginx) \
	  --with-cc-opt="$(NGINX_CFLAGS)" --with-ld-opt="$(NGINX_LDFLAGS)"' >configure.log 2>&1 || \
	  { cat configure.log; exit 1; }

# A separate variable, because make -n runs each recipe line that contains $(MAKE) literally.
NGINX_MAKE = MAKEFLAGS= $(MAKE) --no-print-directory -f objs/Makefile modules

$(NGINX_MODULE): $(NGINX_OUT)/tree/objs/Makefile $(wildcard plugins/nginx/*.[ch]) plugins/load.h \
  include/espt/validator.h $(OUT)/plugins/paths.h
	$(call SAY,MAKE  $@)
	$(Q)cd $(NGINX_OUT)/tree && rm -f objs/addon/nginx/*.o && \
	  { $(NGINX_MAKE) >make.log 2>&1 || { cat make.log; exit 1; }; } $(if $(V),&& cat make.log)
	$(Q)cp $(NGINX_OUT)/tree/objs/$(notdir $@) $@

$(NGINX_TREE)/conf_flags:
	@echo '$@ is missing: run make deps-hosts' >&2; exit 1

.PHONY: bench-hosts run-bench-hosts
bench-hosts: deps-hosts ## report the throughput of nginx with the module on and off, and of esp-token-authd
	$(MAKE) $(PARALLEL) run-bench-hosts

run-bench-hosts: all $(NGINX_MODULE) $(OUT)/plugins/authd/esp-token-authd
	@OUT=$(OUT) tests/hosts/bench_nginx.sh
	@OUT=$(OUT) tests/hosts/bench_authd.sh
