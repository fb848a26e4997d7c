# rbe: build, tests, installation. Everything that is made lies under $(B), laid out like the installed prefix.
#
#   make [TARGET] [B=build] [DEV=1] [SAN=address,undefined] [V=1]
#
#   all            the programs                              install uninstall installcheck   (DESTDIR, prefix)
#   deb            the Debian package, in $(B)/deb
#   check          lint, hdr-check and all tests             dist distcheck                   the source archive
#   dist-bin       the built tree, for hosts without a compiler; STATIC=1 for those with an older glibc
#   check-long     what takes longer, or needs root          clean distclean
#   check-hosts    the http tests behind every web server
#   asan ubsan     check under the sanitizers, in $(B)/asan  run            the server on $(B)/data
#   check-valgrind unit tests under valgrind                 tags compile_commands.json
#   coverage       check, then lines covered by file         lint hdr-check unit fuzz-replay
#   fuzz           FUZZ_TIME seconds a fuzz target (clang)   bench corpus                    BENCH="NAME ..." some only
#
# `./bootstrap` runs autoreconf and configure; most targets need the config.mk they make.

B ?= build
CONFIGURED := $(wildcard config.mk)
ifdef CONFIGURED
include config.mk
else ifneq ($(filter-out clean distclean lint tags,$(or $(MAKECMDGOALS),all)),)
$(error not configured: run ./bootstrap, or autoreconf -i && ./configure)
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

# ---- flags ----

WARN := -Wall -Wextra
ifdef DEV
WARN += -Werror -Wshadow -Wpointer-arith -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
        -Wold-style-definition -Wundef -Wcast-align -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference \
        -Wcast-qual -Wredundant-decls -Wnested-externs -Winit-self -Wdate-time
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-gnu-statement-expression -Wconditional-uninitialized -Wcomma -Wunreachable-code-aggressive -Wassign-enum
else
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Walloc-zero -Wtrampolines -Wjump-misses-init
endif
endif
ifdef SAN
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN :=
else
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
endif

DEFS = -D_GNU_SOURCE -DRBE_VERSION='"$(VERSION)"' -DRBE_SYSCONFDIR='"$(sysconfdir)"' \
       -DRBE_LOCALSTATEDIR='"$(localstatedir)"' -DRBE_PREFIX='"$(prefix)"' $(if $(STATIC),-DRBE_STATIC)
ALL_CFLAGS = -std=gnu11 -fPIE $(WARN) $(HARDEN) $(SANFLAGS) $(DEFS) -I. -I$(B)/gen \
             $(FCGI_CFLAGS) $(SQLITE_CFLAGS) $(YAML_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS) $(ARCHIVE_CFLAGS) \
             $(ZLIB_CFLAGS) $(DEFLATE_CFLAGS) $(ZSTD_CFLAGS) $(LZMA_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(if $(STATIC),-static-pie,-pie) -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)
# Those with most symbols first: the dynamic linker looks for each of them in this order when a program starts.
LIBS = $(CRYPTO_LIBS) $(SQLITE_LIBS) $(FCGI_LIBS) $(YAML_LIBS) $(JSONC_LIBS) $(ARCHIVE_LIBS) \
       $(ZLIB_LIBS) $(DEFLATE_LIBS) $(ZSTD_LIBS) $(LZMA_LIBS) $(UNISTRING_LIBS)

# What the updater stands on: everything but what servers need.
UPDATE_LIBS = $(filter-out $(FCGI_LIBS) $(SQLITE_LIBS) $(YAML_LIBS),$(LIBS))
OBJCOPY ?= objcopy

# ---- what is made of what ----

LIB_SRC := $(wildcard lib/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o) $(B)/obj/gen/schema.o
CGI := latest download admin
# Of admin.fcgi alone: what writes brings libraries along that would slow the start of the others.
CGI_ADMIN := $(wildcard cgi-bin/admin-*.c) cgi-bin/form.c cgi-bin/page.c cgi-bin/upload.c
CGI_COMMON := $(filter-out $(CGI:%=cgi-bin/%.c) $(CGI_ADMIN),$(wildcard cgi-bin/*.c))
BIN := rbe-admin rbe-batch rbe-update
LIBEXEC := rbe-inspect rbe-encode
BIN_COMMON := $(filter-out $(BIN:%=bin/%.c) bin/cli-app.c bin/admin-%.c,$(wildcard bin/*.c))
BIN_ADMIN := $(wildcard bin/admin-*.c)
PROGRAMS := $(CGI:%=$(B)/cgi-bin/%.fcgi) $(BIN:%=$(B)/bin/%) $(B)/bin/rbe-serve $(LIBEXEC:%=$(B)/libexec/rbe/%)
ERRORS := $(B)/share/rbe/errors
WWW := $(patsubst share/www/%,$(B)/share/rbe/www/%,$(wildcard share/www/*))
HEADERS := $(wildcard lib/*/*.h include/*.h bin/*.h cgi-bin/*.h libexec/*.h tests/*/*.h)

UNIT := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/unit/test-*.c))
FUZZ := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/fuzz/fuzz-*.c))
BENCHES := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/bench/*.c))
SCRIPTS := $(wildcard tests/http/*.t tests/golden/*.t tests/regress/*.t)
INVERTED := $(B)/tests/inverted
PRELOADS := $(B)/tests/faults.so $(B)/tests/folds.so $(B)/tests/clock.so

# What applications embed the updater with, laid out like the prefix.
UPDATE_LIB := $(B)/lib/librbe-update.a $(B)/lib/pkgconfig/rbe-update.pc $(B)/include/rbe_update.h

all: $(PROGRAMS) $(UPDATE_LIB) $(ERRORS)/made $(WWW)

# Rewritten only when it changes, so that other flags, another compiler or version build everything anew.
FLAGS = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(FUZZER)
$(B)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@.$$$$; \
	if cmp -s $@.$$$$ $@; then rm -f $@.$$$$; else mv -f $@.$$$$ $@; fi

compile = $(call say,CC,$<)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@
archive = $(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
link = $(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

$(B)/obj/%.o: %.c $(B)/flags
	$(compile)
$(B)/gen/schema.c: schema/embed.awk $(sort $(wildcard schema/*.sql))
	$(call say,GEN,$@)mkdir -p $(@D) && LC_ALL=C awk -f $^ > $@.tmp && mv $@.tmp $@
$(B)/obj/gen/schema.o: $(B)/gen/schema.c $(B)/flags
	$(compile)
$(B)/librbe.a: $(LIB_OBJ)
	$(archive)

$(B)/cgi-bin/admin.fcgi: $(CGI_ADMIN:%.c=$(B)/obj/%.o)
$(B)/cgi-bin/%.fcgi: $(B)/obj/cgi-bin/%.o $(CGI_COMMON:%.c=$(B)/obj/%.o) $(B)/librbe.a
	$(link)
$(B)/bin/rbe-admin $(B)/bin/rbe-batch: $(B)/obj/bin/cli-app.o
$(B)/bin/rbe-admin: $(BIN_ADMIN:%.c=$(B)/obj/%.o)
$(BIN:%=$(B)/bin/%): $(B)/bin/%: $(B)/obj/bin/%.o $(BIN_COMMON:%.c=$(B)/obj/%.o) $(B)/librbe.a
	$(link)
# One object of all that the updater needs, of which only the names of its face can be seen.
$(B)/lib/librbe-update.a: $(B)/obj/lib/patch/update.o $(B)/librbe.a
	$(call say,AR,$@)mkdir -p $(@D) && rm -f $@ && $(LD) -r -o $(B)/obj/rbe-update.o $^ && \
	$(OBJCOPY) --wildcard --keep-global-symbol='rbe_update_*' $(B)/obj/rbe-update.o && $(AR) rcs $@ $(B)/obj/rbe-update.o
$(B)/lib/pkgconfig/rbe-update.pc: Makefile config.mk
	$(call say,GEN,$@)mkdir -p $(@D) && printf '%s\n' 'prefix=$${pcfiledir}/../..' '' 'Name: rbe-update' \
	'Description: keeps a directory at the version that an rbe server offers' 'Version: $(VERSION)' \
	'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -lrbe-update $(UPDATE_LIBS)' > $@
$(B)/include/%.h: include/%.h
	$(Q)mkdir -p $(@D) && cp $< $@
$(B)/libexec/rbe/%: $(B)/obj/libexec/%.o $(B)/librbe.a
	$(link)
$(B)/bin/%: bin/%.in $(B)/flags
	$(call say,GEN,$@)mkdir -p $(@D) && sed -e 's|@VERSION@|$(VERSION)|g' $< > $@.tmp && chmod 755 $@.tmp && mv $@.tmp $@

$(B)/share/rbe/www/%: share/www/%
	$(call say,CP,$@)mkdir -p $(@D) && cp $< $@
$(ERRORS)/made: share/errors.txt
	$(call say,GEN,$(@D))mkdir -p $(@D) && rm -f $(@D)/*.html && awk -v dir=$(@D) '/^[^#]/ {status = $$1; code = $$2; \
	sub(/^[^ ]+ [^ ]+ /, ""); printf "{\"code\":%s,\"msg\":\"%s\",\"data\":null}", code, $$0 > (dir "/" status ".html")}' $< && touch $@

# ---- tests ----

$(UNIT): $(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/librbe.a
	$(link) $(CMOCKA_LIBS)
$(INVERTED): $(B)/obj/tests/lib/inverted.o
	$(link) $(CMOCKA_LIBS)
# Loaded into a program by LD_PRELOAD: calls that fail or kill, a file system that folds names, another time.
$(PRELOADS): $(B)/tests/%.so: tests/lib/%.c $(B)/flags
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) -std=gnu11 -D_GNU_SOURCE -shared -fPIC -O1 $(WARN) -o $@ $< -ldl
# A fuzz target is one function on (buffer, length): replay.c runs it over its corpus, libFuzzer (FUZZER=1) drives it.
$(FUZZ): $(B)/tests/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/librbe.a $(if $(FUZZER),,$(B)/obj/tests/lib/replay.o)
	$(link) $(if $(FUZZER),-fsanitize=fuzzer)

$(BENCHES): $(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(B)/librbe.a
	$(link)

unit: $(UNIT)
fuzz-replay: $(FUZZ)

lint:
	$(call say,LINT,)tests/lint/lint .

# Each header compiles alone.
hdr-check: $(B)/gen/schema.c
	$(call say,HDR,$(words $(HEADERS)) headers)printf '%s\n' $(HEADERS) | \
	xargs -P $$(nproc) -I '{}' $(CC) $(ALL_CFLAGS) $(CMOCKA_CFLAGS) -Werror -fsyntax-only -include '{}' -x c /dev/null

TESTS = $(UNIT) $(FUZZ) $(SCRIPTS)
check: lint hdr-check all $(UNIT) $(FUZZ) $(INVERTED) $(PRELOADS)
	@RBE_BUILD='$(B)' tests/check $(if $(MINIMUM),--minimum $(MINIMUM)) --all $(TESTS)

# The http tests behind every web server in turn (tests/lib/Rbe/Host.pm); check has a short form of it.
HOSTS := lighttpd lighttpd-spawn lighttpd-cgi apache-fcgid apache-proxy apache-cgi nginx cgi
check-hosts: all $(PRELOADS)
	@bad=; for host in $(HOSTS); do echo "== $$host"; \
	RBE_BUILD='$(B)' RBE_HOSTS=$$host tests/check --minimum 1 $(wildcard tests/http/*.t) || bad="$$bad $$host"; done; \
	test -z "$$bad" || { echo "check-hosts: failed behind$$bad" >&2; exit 1; }

check-long: lint hdr-check all $(UNIT) $(FUZZ) $(INVERTED) $(PRELOADS)
	@RBE_BUILD='$(B)' RBE_ROOTS='$(abspath $(B))/roots' RBE_LONG=1 RBE_BIG=1024 tests/check --timeout 3600 --all $(TESTS) $(wildcard tests/long/*.t)
	$(Q)+$(MAKE) --no-print-directory distcheck

asan:
	$(Q)+$(MAKE) --no-print-directory B=$(B)/asan SAN=address,undefined check
ubsan:
	$(Q)+$(MAKE) --no-print-directory B=$(B)/ubsan SAN=undefined check

check-valgrind: $(UNIT) $(FUZZ)
	@command -v valgrind >/dev/null || { echo 'check-valgrind: valgrind is not installed' >&2; exit 1; }
	@RBE_BUILD='$(B)' RBE_WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
	tests/check --minimum 1 $(UNIT) $(FUZZ)

# Like sanitizers, counting needs rights that rbe-inspect gives up otherwise: it writes files when it ends.
coverage:
	$(Q)rm -rf $(B)/coverage
	$(Q)+$(MAKE) --no-print-directory B=$(B)/coverage HARDEN= LDFLAGS=--coverage \
	CFLAGS='-O0 -g --coverage -fprofile-update=atomic -DRBE_SANITIZED=1' check
	$(Q)find $(B)/coverage/obj -name '*.gcda' | LC_ALL=C sort | xargs gcov -n 2>/dev/null | awk -f tests/lib/coverage.awk

# Prints ratios against what is measured in the same run; share/doc/performance.md has the results.
bench: all $(BENCHES)
	@RBE_BUILD='$(B)' tests/bench/run $(BENCH)
# The releases that benchmarks of incremental packages measure on, fetched by npm and pip into RBE_CORPUS, else $(B)/corpus.
corpus: $(B)/flags
	@RBE_BUILD='$(B)' tests/bench/corpus $(PAIRS)

FUZZ_TIME ?= 60
fuzz:
	@command -v clang >/dev/null || { echo 'fuzz: clang is not installed' >&2; exit 1; }
	$(Q)+$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang SAN=address,undefined,fuzzer-no-link FUZZER=1 fuzz-replay
	$(Q)set -e; for f in $(FUZZ:$(B)/tests/fuzz/fuzz-%=%); do mkdir -p $(B)/fuzz/found/$$f; \
	echo "fuzz-$$f: $(FUZZ_TIME) s"; $(B)/fuzz/tests/fuzz/fuzz-$$f -max_total_time=$(FUZZ_TIME) -print_final_stats=0 \
	-artifact_prefix=$(B)/fuzz/found/$$f- $(B)/fuzz/found/$$f tests/fuzz/corpus/$$f 2> $(B)/fuzz/found/$$f.log || \
	{ tail -n 40 $(B)/fuzz/found/$$f.log; exit 1; }; done

# ---- installation ----

cgidir = $(prefix)/cgi-bin
libexecdir = $(prefix)/libexec/rbe
sharedir = $(prefix)/share/rbe
errordir = $(sharedir)/errors
wwwdir = $(sharedir)/www
docdir = $(datadir)/doc/rbe
unitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
bashdir = $(datadir)/bash-completion/completions
zshdir = $(datadir)/zsh/site-functions
DOCS = README.md CHANGELOG.md CONTRIBUTING.md LICENSE $(wildcard share/doc/*.md share/doc/*.svg etc/*.lua etc/*.yml etc/*.json) \
       etc/htaccess
EXAMPLES = lighttpd.conf.example $(wildcard etc/*.conf)
into = $(DESTDIR)$(1)
# filled FILE.in,TO[,NAME,PROGRAM,ENVIRONMENT]: puts in where things are installed, and which program a unit is for.
filled = sed -e 's|@bindir@|$(bindir)|g' -e 's|@cgidir@|$(cgidir)|g' -e 's|@name@|$(3)|g' -e 's|@program@|$(4)|g' \
         -e 's|@environment@|$(5)|g' -e 's|@statedir@|$(localstatedir)/lib/rbe|g' $(1) > $(call into,$(2)) && chmod 644 $(call into,$(2))
# placed FILE,TO: what is written for a prefix of /usr/local and data in /var/lib/rbe, with the places of this installation.
placed = sed -e 's|/usr/local/etc/|@sysconfdir@/|g' -e 's|/usr/local|$(prefix)|g' -e 's|@sysconfdir@|$(sysconfdir)|g' \
         -e 's|/var/lib/rbe|$(localstatedir)/lib/rbe|g' $(1) > $(call into,$(2)) && chmod 644 $(call into,$(2))
units = $(call filled,etc/systemd/rbe-NAME.socket.in,$(unitdir)/rbe-$(1).socket,$(1)) && \
        $(call filled,etc/systemd/rbe-NAME.service.in,$(unitdir)/rbe-$(1).service,$(1),$(2),$(3))

install: all
	$(Q)$(INSTALL) -d $(call into,$(bindir)) $(call into,$(cgidir)) $(call into,$(libexecdir)) $(call into,$(errordir)) \
	$(call into,$(libdir))/pkgconfig $(call into,$(includedir)) \
	$(addprefix $(call into,$(mandir))/man,1 3 5 8) $(call into,$(docdir)) $(call into,$(sysconfdir))/rbe \
	$(call into,$(wwwdir)) $(call into,$(unitdir)) $(call into,$(sysusersdir)) $(call into,$(tmpfilesdir)) \
	$(call into,$(bashdir)) $(call into,$(zshdir))
	$(Q)$(INSTALL) -m 755 $(BIN:%=$(B)/bin/%) $(B)/bin/rbe-serve $(call into,$(bindir))
	$(Q)$(INSTALL) -m 755 $(CGI:%=$(B)/cgi-bin/%.fcgi) $(call into,$(cgidir))
	$(Q)$(INSTALL) -m 755 $(LIBEXEC:%=$(B)/libexec/rbe/%) $(call into,$(libexecdir))
	$(Q)$(INSTALL) -m 644 $(B)/lib/librbe-update.a $(call into,$(libdir))
	$(Q)$(INSTALL) -m 644 $(B)/lib/pkgconfig/rbe-update.pc $(call into,$(libdir))/pkgconfig
	$(Q)$(INSTALL) -m 644 include/rbe_update.h $(call into,$(includedir))
	$(Q)$(INSTALL) -m 644 $(ERRORS)/*.html $(call into,$(errordir))
	$(Q)$(INSTALL) -m 644 share/www/* $(call into,$(wwwdir))
	$(Q)for page in share/man/*.[1358]; do $(INSTALL) -m 644 $$page $(call into,$(mandir))/man$${page##*.} || exit 1; done
	$(Q)for p in $(BIN); do $(B)/bin/$$p --completion bash > $(call into,$(bashdir))/$$p && \
	$(B)/bin/$$p --completion zsh > $(call into,$(zshdir))/_$$p && \
	chmod 644 $(call into,$(bashdir))/$$p $(call into,$(zshdir))/_$$p || exit 1; done
	$(Q)$(INSTALL) -m 644 $(DOCS) $(call into,$(docdir))
	$(Q)for f in $(EXAMPLES); do $(call placed,$$f,$(docdir)/$${f##*/}) || exit 1; done
	$(Q)$(call placed,etc/rbe.yaml.example,$(sysconfdir)/rbe/rbe.yaml.example)
	$(Q)$(call placed,share/man/rbe.yaml.5,$(mandir)/man5/rbe.yaml.5)
	$(Q)$(call filled,etc/rbe.cron.in,$(docdir)/rbe.cron)
	$(Q)$(call filled,etc/rbe.logrotate.in,$(docdir)/rbe.logrotate)
	$(Q)$(call filled,etc/rbe.sysusers.in,$(sysusersdir)/rbe.conf)
	$(Q)$(call filled,etc/rbe.tmpfiles.in,$(tmpfilesdir)/rbe.conf)
	$(Q)$(call units,latest,latest)
	$(Q)$(call units,download,download)
	$(Q)$(call units,admin,admin)
	$(Q)$(call units,health,admin,RBE_INSTANCE_WORKERS=1)
	$(Q)$(call filled,etc/systemd/rbe-batch.service.in,$(unitdir)/rbe-batch.service)
	$(Q)$(call filled,etc/systemd/rbe-batch-run.service.in,$(unitdir)/rbe-batch-run.service)
	$(Q)$(INSTALL) -m 644 etc/systemd/rbe-batch-run.timer $(call into,$(unitdir))
	@echo "installed rbe $(VERSION) below $(DESTDIR)$(prefix)"

# rbe.yaml and all data stay: they are the admin's.
uninstall:
	$(Q)rm -f $(BIN:%=$(call into,$(bindir))/%) $(call into,$(bindir))/rbe-serve $(CGI:%=$(call into,$(cgidir))/%.fcgi) \
	$(LIBEXEC:%=$(call into,$(libexecdir))/%) $(call into,$(sysconfdir))/rbe/rbe.yaml.example \
	$(foreach s,1 3 5 8,$(patsubst share/man/%,$(call into,$(mandir))/man$(s)/%,$(wildcard share/man/*.$(s)))) \
	$(call into,$(libdir))/librbe-update.a $(call into,$(libdir))/pkgconfig/rbe-update.pc $(call into,$(includedir))/rbe_update.h \
	$(addprefix $(call into,$(docdir))/,$(notdir $(DOCS) $(EXAMPLES)) rbe.cron rbe.logrotate) $(call into,$(errordir))/*.html \
	$(patsubst share/www/%,$(call into,$(wwwdir))/%,$(wildcard share/www/*)) \
	$(BIN:%=$(call into,$(bashdir))/%) $(BIN:%=$(call into,$(zshdir))/_%) \
	$(call into,$(sysusersdir))/rbe.conf $(call into,$(tmpfilesdir))/rbe.conf \
	$(patsubst %,$(call into,$(unitdir))/rbe-%,$(foreach u,latest download admin health,$(u).socket $(u).service) \
	batch.service batch-run.service batch-run.timer)
	$(Q)rmdir $(call into,$(libexecdir)) $(call into,$(cgidir)) $(call into,$(docdir)) $(call into,$(errordir)) \
	$(call into,$(wwwdir)) $(call into,$(sharedir)) \
	$(call into,$(sysconfdir))/rbe 2>/dev/null || :

installcheck:
	$(Q)tests/lib/installcheck '$(VERSION)' '$(call into,$(bindir))' '$(call into,$(cgidir))' \
	'$(call into,$(libexecdir))' '$(call into,$(mandir))' '$(call into,$(sysconfdir))/rbe' '$(call into,$(errordir))'

DIST = rbe-$(VERSION)
dist: configure
	$(call say,DIST,$(DIST).tar.gz)mkdir -p $(B) && git -c safe.directory='*' ls-files -z | LC_ALL=C sort -z | \
	tar -c --null -T - --owner=0 --group=0 --transform 's|^|$(DIST)/|S' -f $(B)/dist.tar && \
	tar -r -f $(B)/dist.tar --owner=0 --group=0 --transform 's|^|$(DIST)/|S' configure config.h.in install-sh && \
	gzip -n < $(B)/dist.tar > $(DIST).tar.gz.$$$$ && mv $(DIST).tar.gz.$$$$ $(DIST).tar.gz && rm -f $(B)/dist.tar

# The Debian package, made from the source archive: $(B)/deb/rbe_*.deb. Its tests are `make check` of this tree; nothing said
# to this make reaches it.
deb: dist
	$(Q)rm -rf $(B)/deb && mkdir -p $(B)/deb && tar -C $(B)/deb -xf $(DIST).tar.gz
	$(Q)cd $(B)/deb/$(DIST) && env -i PATH="$$PATH" HOME="$$HOME" DEB_BUILD_OPTIONS='nocheck parallel=4' \
	dpkg-buildpackage --no-sign -b > ../build.log 2>&1 || { tail -n 30 ../build.log >&2; exit 1; }
	@ls $(B)/deb/*.deb

# The built tree, for hosts without a compiler (share/doc/shared-hosting.md): what they lack is linked in, glibc only with
# STATIC=1, and the licences of what is linked in go along. It may lie anywhere.
DISTBIN = $(DIST)-linux-$(shell uname -m)$(if $(STATIC),-static)
BINBUILD = $(B)/dist-bin$(if $(STATIC),-static)
BINROOT = $(abspath $(BINBUILD)/root)
ANYWHERE := prefix=/rbe exec_prefix=/rbe bindir=/rbe/bin sysconfdir=/rbe/etc localstatedir=/rbe/var datarootdir=/rbe/share \
            datadir=/rbe/share mandir=/rbe/share/man libdir=/rbe/lib includedir=/rbe/include
dist-bin:
	$(Q)rm -rf $(BINROOT)
	$(Q)+$(MAKE) --no-print-directory B=$(BINBUILD) $(ANYWHERE) \
	LIBS='$(if $(STATIC),$(LIBS),-Wl,-Bstatic $(LIBS) -Wl,-Bdynamic) -lm' \
	DESTDIR=$(BINROOT) install
	$(Q)rm -rf $(BINROOT)/rbe/lib $(BINROOT)/rbe/include && strip $(BINROOT)/rbe/bin/rbe-[abu]* $(BINROOT)/rbe/cgi-bin/* \
	$(BINROOT)/rbe/libexec/rbe/* && mkdir -p $(BINROOT)/rbe/share/doc/rbe/licences && \
	for p in libfcgi libsqlite3 libyaml libjson-c libarchive liblzma libzstd zlib1g libdeflate libunistring libssl $(if $(STATIC),libc6); do \
	[ ! -e /usr/share/doc/$$p-dev/copyright ] || cp /usr/share/doc/$$p-dev/copyright $(BINROOT)/rbe/share/doc/rbe/licences/$$p; done
	$(call say,DIST,$(DISTBIN).tar.gz)tar -C $(BINROOT) --owner=0 --group=0 -czf $(DISTBIN).tar.gz rbe

# The source archive alone builds, passes its tests, installs below DESTDIR, and leaves nothing behind when uninstalled.
distcheck: dist
	$(Q)rm -rf $(B)/distcheck && mkdir -p $(B)/distcheck && tar -C $(B)/distcheck -xf $(DIST).tar.gz
	$(Q)+set -e; cd $(B)/distcheck/$(DIST); ./configure -q --prefix=/opt/rbe; $(MAKE) --no-print-directory check; \
	for t in install installcheck uninstall; do $(MAKE) --no-print-directory $$t DESTDIR="$$PWD/root"; done; \
	left=$$(find root ! -type d); test -z "$$left" || { echo "distcheck: left after uninstall: $$left" >&2; exit 1; }
	$(Q)rm -rf $(B)/distcheck
	@echo "$(DIST).tar.gz is ready"

# ---- the rest ----

run: all
	$(B)/bin/rbe-serve --data $(B)/data

tags: FORCE
	$(call say,TAGS,)ctags -R lib bin cgi-bin libexec

compile_commands.json: FORCE
	$(call say,GEN,$@){ printf '['; sep=; for f in $(LIB_SRC) $(wildcard bin/*.c cgi-bin/*.c libexec/*.c tests/*/*.c); do \
	printf '%s\n{"directory":"%s","file":"%s","command":"%s -c %s"}' "$$sep" "$$PWD" $$f \
	'$(subst ",\\\",$(subst ','\'',$(subst \,,$(CC) $(ALL_CFLAGS))))' $$f; sep=,; done; printf '\n]\n'; } > $@

clean:
	rm -rf $(B)
distclean: clean
	rm -rf autom4te.cache configure configure~ config.status config.log config.h config.h.in config.mk aclocal.m4 \
	install-sh compile_commands.json tags rbe-*.tar.gz

ifdef CONFIGURED
# A changed configure.ac or config.mk.in configures again, with the options given last time.
configure: configure.ac
	autoreconf -i && touch $@
config.status: configure
	$(if $(wildcard config.status),./config.status --recheck,./configure)
config.mk: config.mk.in config.status
	./config.status -q && touch config.mk
endif

FORCE:
.PHONY: all unit fuzz-replay lint hdr-check check check-hosts check-long asan ubsan check-valgrind coverage fuzz bench corpus install uninstall \
	installcheck dist distcheck deb run clean distclean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
