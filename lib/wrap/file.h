/* Files and directories on POSIX calls: whole files in and out, durable replacement, trees made and removed. */
#ifndef RBE_WRAP_FILE_H
#define RBE_WRAP_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Reads a whole regular file of at most max bytes; a link is followed. Missing: RBE_NOTFOUND; larger: RBE_TOOLARGE; no
 * regular file: RBE_FAULT. ret gets the bytes. */
enum rbe_code rbe_file_get(const char *path, size_t max, struct rbe_str *ret, struct rbe_err *e) RBE_MUST_USE;
/* Reads fd to its end, behind what ret holds, which then has at most max bytes; more: RBE_TOOLARGE. name is for messages. */
enum rbe_code rbe_file_read_all(int fd, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e) RBE_MUST_USE;
/* Replaces path as a whole: temporary file beside it, fsync, rename, fsync of the directory. */
enum rbe_code rbe_file_put(const char *path, const void *p, size_t n, mode_t mode, struct rbe_err *e) RBE_MUST_USE;
/* Writes all n bytes; a short write goes on, EINTR is retried. */
enum rbe_code rbe_file_write(int fd, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* The same from an offset on, by pwrite. */
enum rbe_code rbe_file_write_at(int fd, const void *p, size_t n, uint64_t offset, struct rbe_err *e) RBE_MUST_USE;
/* Reads n bytes from an offset on, by pread; *ret_n is less only where the file ends. */
enum rbe_code rbe_file_read_at(int fd, void *p, size_t n, uint64_t offset, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Opens for reading, O_CLOEXEC|O_NOFOLLOW. Missing: RBE_NOTFOUND. */
enum rbe_code rbe_file_open(const char *path, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
/* A nameless file for reading and writing on the file system of dir_fd (AT_FDCWD for the present directory). */
enum rbe_code rbe_file_temp(int dir_fd, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_dir_sync(const char *path, struct rbe_err *e) RBE_MUST_USE;
/* Makes path and its missing parents. */
enum rbe_code rbe_dir_make(const char *path, mode_t mode, struct rbe_err *e) RBE_MUST_USE;
/* Removes path and all below it, never following a link. Missing is no error. */
enum rbe_code rbe_dir_remove(const char *path, struct rbe_err *e) RBE_MUST_USE;
/* The same for one name in the directory dir_fd. */
enum rbe_code rbe_dir_remove_at(int dir_fd, const char *name, struct rbe_err *e) RBE_MUST_USE;

#endif
