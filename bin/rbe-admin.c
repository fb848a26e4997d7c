/* rbe-admin: the administration from a shell, straight on the databases. Everything it can do is in the table below. */
#include "bin/admin.h"

static const struct rbe_cli_option init_options[] = {
    {.name = "--data", .value = "DIR", .help = "data directory of a new configuration (its own directory)"},
    {.name = NULL},
};

static const struct rbe_cli_option resource_options[] = {
    {.name = "--name", .value = "N", .must = true, .help = "its name for people"},
    {.name = "--description", .value = "D", .help = "what it is"},
    {.name = "--update-type", .value = "incremental|full", .help = "whether incrementals are made (incremental)"},
    {.name = "--access", .value = "public|cdk", .help = "who may download (public)"},
    {.name = "--order", .value = "version|published", .help = "what makes a version the latest (version)"},
    {.name = "--always-include", .value = "GLOB", .many = true, .help = "files every incremental carries whole"},
    {.name = NULL},
};

static const struct rbe_cli_option publish_options[] = {
    {.name = "--channel", .value = "C", .help = "stable, beta or alpha (stable)"},
    {.name = "--system", .value = "S", .help = "windows, linux, darwin, android or any (any)"},
    {.name = "--arch", .value = "A", .help = "386, amd64, arm, arm64 or any (any)"},
    {.name = "--old-version", .value = "V", .many = true, .help = "make the incremental from this version at once"},
    {.name = "--release-note-file", .value = "F", .help = "file that holds the release note"},
    {.name = "--custom-data", .value = "J", .help = "text handed to clients as it is"},
    {.name = NULL},
};

static const struct rbe_cli_option token_options[] = {
    {.name = "--scope", .value = "admin|publish", .help = "what it may do (publish)"},
    {.name = "--resource", .value = "RID", .help = "the one resource it is for (all)"},
    {.name = "--expires", .value = "SPAN", .help = "how long it is good, such as 90d (for ever)"},
    {.name = NULL},
};

static const struct rbe_cli_option cdk_options[] = {
    {.name = "--resource", .value = "RID", .help = "the one resource they are for (all)"},
    {.name = "--expires", .value = "SPAN", .help = "how long they are good, such as 30d (for ever)"},
    {.name = "--daily-limit", .value = "N", .help = "downloads a day (0: as configured)"},
    {.name = "--count", .value = "N", .help = "how many to make (1)"},
    {.name = NULL},
};

static const struct rbe_cli_option job_options[] = {
    {.name = "--state", .value = "queued|leased|done|failed", .help = "only those in this state"},
    {.name = "--limit", .value = "N", .help = "at most so many (100)"},
    {.name = NULL},
};

static const struct rbe_cli_option purge_options[] = {
    {.name = "--resource", .value = "RID", .help = "only of this resource (all)"},
    {.name = NULL},
};

static const struct rbe_cli_option backup_options[] = {
    {.name = "--with-config", .help = "the configuration too, which holds secrets"},
    {.name = NULL},
};

static const struct rbe_cli_option verify_options[] = {
    {.name = "--repair", .help = "put orphans aside, build lost patches again, mend offers"},
    {.name = NULL},
};

static const struct rbe_cli_option audit_options[] = {
    {.name = "--limit", .value = "N", .help = "at most so many (100)"},
    {.name = "--since", .value = "SPAN", .help = "only the last of it, such as 7d"},
    {.name = "--resource", .value = "RID", .help = "only what was done to this resource"},
    {.name = "--action", .value = "ACTION", .help = "only this, such as 'version publish'"},
    {.name = "--actor", .value = "ACTOR", .help = "only by this one, such as 'token ci'"},
    {.name = NULL},
};

static const struct rbe_cli_option stats_options[] = {
    {.name = "--limit", .value = "N", .help = "at most so many rows of where clients stand (100)"},
    {.name = NULL},
};

static const struct rbe_cli_verb verbs[] = {
    {"init", "", init_options, RBE_CLI_NOTHING, rbe_admin_init,
     "Make the configuration where there is none, the data directory and the databases."},
    {"migrate", "", NULL, RBE_CLI_SETTINGS, rbe_admin_migrate, "Bring the databases up to this program's schema."},
    {"resource create", "RID", resource_options, RBE_CLI_WRITE, rbe_admin_resource_create, "Make a resource."},
    {"resource list", "", NULL, RBE_CLI_READ, rbe_admin_resource_list, "List all resources."},
    {"resource show", "RID", NULL, RBE_CLI_READ, rbe_admin_resource_show, "Show a resource."},
    {"resource delete", "RID", NULL, RBE_CLI_WRITE, rbe_admin_resource_delete,
     "Withdraw every version of a resource."},
    {"version publish", "RID VERSION FILE", publish_options, RBE_CLI_SETTINGS, rbe_admin_version_publish,
     "Publish FILE as a version of a resource for one platform; it is live when this returns."},
    {"version list", "RID", NULL, RBE_CLI_READ, rbe_admin_version_list, "List a resource's versions, newest first."},
    {"version show", "RID VERSION", NULL, RBE_CLI_READ, rbe_admin_version_show, "Show a version and its packages."},
    {"version yank", "RID VERSION", NULL, RBE_CLI_WRITE, rbe_admin_version_yank,
     "Withdraw a version: never offered again, its clients move to the latest remaining."},
    {"version promote", "RID VERSION CHANNEL", NULL, RBE_CLI_WRITE, rbe_admin_version_promote,
     "Move a version with all its packages to another channel."},
    {"token create", "NAME", token_options, RBE_CLI_WRITE, rbe_admin_token_create,
     "Make a bearer token and print it, this once."},
    {"token list", "", NULL, RBE_CLI_READ, rbe_admin_token_list, "List all tokens, without their texts."},
    {"token revoke", "NAME", NULL, RBE_CLI_WRITE, rbe_admin_token_revoke, "End a token at once."},
    {"cdk create", "", cdk_options, RBE_CLI_WRITE, rbe_admin_cdk_create,
     "Make cdks and print them, this once, one a line."},
    {"cdk list", "", NULL, RBE_CLI_READ, rbe_admin_cdk_list, "List all cdks with their use, without their texts."},
    {"cdk show", "CDK-or-id", NULL, RBE_CLI_READ, rbe_admin_cdk_show, "Show a cdk and its use."},
    {"cdk block", "CDK-or-id", NULL, RBE_CLI_WRITE, rbe_admin_cdk_block, "Block a cdk at once."},
    {"cdk unblock", "CDK-or-id", NULL, RBE_CLI_WRITE, rbe_admin_cdk_unblock, "Take the block away."},
    {"job list", "", job_options, RBE_CLI_READ, rbe_admin_job_list, "List jobs, newest first."},
    {"job retry", "ID", NULL, RBE_CLI_WRITE, rbe_admin_job_retry,
     "Queue a job anew that failed or waits for its next try."},
    {"audit", "", audit_options, RBE_CLI_READ, rbe_admin_audit, "List who changed what, newest first."},
    {"stats", "", stats_options, RBE_CLI_READ, rbe_admin_stats,
     "Show what is stored, what waits in the queue, and which versions clients are on."},
    {"cache flush", "", NULL, RBE_CLI_READ, rbe_admin_cache_flush, "Forget all answers that are kept ready."},
    {"secret rotate", "", NULL, RBE_CLI_SETTINGS, rbe_admin_secret_rotate,
     "Put a fresh secret in front of auth.sign_secret; those behind it still verify."},
    {"purge", "", purge_options, RBE_CLI_WRITE, rbe_admin_purge,
     "Stop offering old packages; rbe-batch removes their files when nobody can be on the way to them."},
    {"mirror list", "", NULL, RBE_CLI_READ, rbe_admin_mirror_list,
     "List the CDN and the mirrors that downloads are sent to, and whether they answer."},
    {"config check", "", NULL, RBE_CLI_SETTINGS, rbe_admin_config_check,
     "Look whether the configuration can work: files, rights, databases, secrets."},
    {"config list", "", NULL, RBE_CLI_SETTINGS, rbe_admin_config_list, "List every setting with its present value."},
    {"backup", "FILE", backup_options, RBE_CLI_SETTINGS, rbe_admin_backup,
     "Write databases and packages into a new FILE (- for standard output) while all goes on."},
    {"restore", "FILE", NULL, RBE_CLI_SETTINGS, rbe_admin_restore,
     "Put a backup where there is no installation, or an empty one that nobody uses."},
    {"verify", "", verify_options, RBE_CLI_SETTINGS, rbe_admin_verify,
     "Compare the database with the disk and every package with its hash."},
    {.run = NULL},
};

static const struct rbe_cli_program program = {
    .name = "rbe-admin",
    .summary = "Administer an rbe installation from a shell, straight on its databases.",
    .verbs = verbs,
    .home = &rbe_cli_app,
    .json = true,
};

int main(int argc, char **argv)
{
    return rbe_cli_main(&program, argc, argv);
}
