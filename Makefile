# rbe: build, tests, installation. Everything that is made lies under $(B), laid out like the installed prefix.
#
#   make [DEV=1] [V=1] [B=build] [SAN=address,undefined]
#
# `./bootstrap` runs autoreconf and configure; this file needs the config.mk they make.

B ?= build
include config.mk

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)';)

WARN := -Wall -Wextra
ifdef DEV
WARN += -Werror -Wshadow -Wpointer-arith -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wvla -Wformat=2 -Wundef -Wcast-align -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference
endif
ifdef SAN
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN :=
else
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
endif

DEFS = -D_GNU_SOURCE -DRBE_VERSION='"$(VERSION)"' -DRBE_SYSCONFDIR='"$(sysconfdir)"' \
       -DRBE_LOCALSTATEDIR='"$(localstatedir)"' -DRBE_PREFIX='"$(prefix)"'
ALL_CFLAGS = -std=gnu11 -fPIE $(WARN) $(HARDEN) $(SANFLAGS) $(DEFS) -I. -I$(B)/gen \
             $(FCGI_CFLAGS) $(SQLITE_CFLAGS) $(YAML_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS) $(ARCHIVE_CFLAGS) \
             $(ZLIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)
LIBS = $(FCGI_LIBS) $(SQLITE_LIBS) $(YAML_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) $(ARCHIVE_LIBS) $(ZLIB_LIBS) $(UNISTRING_LIBS)

LIB_SRC := $(wildcard lib/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/obj/%.o) $(B)/obj/gen/schema.o
CGI := latest download admin
CGI_COMMON := $(filter-out $(CGI:%=cgi-bin/%.c),$(wildcard cgi-bin/*.c))
BIN := rbe-admin rbe-batch
BIN_COMMON := $(filter-out $(BIN:%=bin/%.c) bin/admin-%.c,$(wildcard bin/*.c))
BIN_ADMIN := $(wildcard bin/admin-*.c)
PROGRAMS := $(CGI:%=$(B)/cgi-bin/%.fcgi) $(BIN:%=$(B)/bin/%) $(B)/bin/rbe-serve $(B)/libexec/rbe/rbe-inspect
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test-*.c))

all: $(PROGRAMS)

$(B)/obj/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/schema.c: schema/embed.awk $(sort $(wildcard schema/*.sql))
	@mkdir -p $(@D)
	$(call say,GEN,$@)LC_ALL=C awk -f schema/embed.awk $(sort $(wildcard schema/*.sql)) > $@.tmp && mv $@.tmp $@

$(B)/obj/gen/schema.o: $(B)/gen/schema.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/librbe.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $(LIB_OBJ)

link = $(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

$(B)/cgi-bin/%.fcgi: $(B)/obj/cgi-bin/%.o $(CGI_COMMON:%.c=$(B)/obj/%.o) $(B)/librbe.a
	$(link)
$(B)/bin/rbe-admin: $(BIN_ADMIN:%.c=$(B)/obj/%.o)
$(BIN:%=$(B)/bin/%): $(B)/bin/%: $(B)/obj/bin/%.o $(BIN_COMMON:%.c=$(B)/obj/%.o) $(B)/librbe.a
	$(link)
$(B)/libexec/rbe/%: $(B)/obj/libexec/%.o $(B)/librbe.a
	$(link)
$(B)/bin/rbe-serve: bin/rbe-serve.in config.mk
	@mkdir -p $(@D)
	$(call say,GEN,$@)sed -e 's|@VERSION@|$(VERSION)|g' $< > $@.tmp && chmod 755 $@.tmp && mv $@.tmp $@
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/librbe.a
	$(call say,LD,$@)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS) $(CMOCKA_LIBS)

unit: $(UNIT)

clean:
	rm -rf $(B)

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
