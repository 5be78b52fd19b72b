# SPDX-License-Identifier: ISC
# Debian packages, built from the archive of the last commit.
# Build-Depends of debian/control; the names of virtual packages are replaced by those of real ones.
DEB_PACKAGES  = build-essential devscripts git lintian $(shell sed -n '/^Build-Depends:/,/^Standards-Version:/p' \
  packaging/debian/control | sed -e '/^Standards-Version:/d; s/^Build-Depends://; s/,$$//; s/ (.*)//; s/:any//' \
  -e 's/debhelper-compat\|dh-sequence-installsysusers/debhelper/; s/architecture-is-.*/architecture-properties/')
# 0.3.0~dev, which Debian sorts before 0.3.0
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
