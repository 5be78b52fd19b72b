# SPDX-License-Identifier: ISC
# Debian packages, built from the archive of the last commit.
DEB_PACKAGES := build-essential debhelper devscripts dh-python dpkg-dev git libbsd-dev libcurl4-gnutls-dev libgnutls28-dev libinih-dev libjansson-dev \
  liblmdb-dev libmicrohttpd-dev libmosquitto-dev libpam0g-dev libpq-dev libseccomp-dev libsmartcols-dev libsodium-dev \
  libutf8proc-dev lintian luajit mosquitto-dev \
  nginx-dev pkgconf python3 scdoc
# 0.3.0-dev comes before 0.3.0
DEB_UPSTREAM  = $(subst -,~,$(VERSION))
DEB_OUT      := build/deb
.PHONY: deb check-deb
deb: ## build the Debian packages of the last commit into build/deb
	@tools/deps.sh $(DEB_PACKAGES)
	@packaging/build.sh $(DEB_UPSTREAM) $(DEB_OUT)

check-deb: deb ## build the packages twice and compare; install, upgrade, remove and purge them in a chroot
	@tools/deps.sh debootstrap iproute2
	@packaging/check.sh $(DEB_OUT)

.PHONY: check-container
check-container: ## build the images of packaging/container, and run examples/kubernetes with them, without an engine
	@tools/deps.sh debootstrap buildah bubblewrap iproute2 python3-yaml
	@packaging/container/check.sh
