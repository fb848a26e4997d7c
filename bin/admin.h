/* The handlers of rbe-admin's verbs, and what they share. */
#ifndef RBE_BIN_ADMIN_H
#define RBE_BIN_ADMIN_H

#include "bin/cli.h"
#include "lib/base/jsonw.h"

enum rbe_code rbe_admin_init(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_migrate(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_config_check(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_config_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_resource_create(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_resource_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_resource_show(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_resource_delete(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_version_publish(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_version_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_version_show(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_version_yank(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_version_promote(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_token_create(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_token_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_token_revoke(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cdk_create(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cdk_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cdk_show(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cdk_block(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cdk_unblock(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_secret_rotate(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_job_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_job_retry(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_stats(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_cache_flush(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_audit(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_mirror_list(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_purge(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_backup(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_restore(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_admin_verify(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;

/* When --expires, a span, has passed; 0 where it was not given. */
enum rbe_code rbe_admin_expiry(struct rbe_cli *cli, int64_t now, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
