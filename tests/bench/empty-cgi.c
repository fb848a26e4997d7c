/* The floor of plain CGI: a program that opens the database named by BENCH_DB, so that SQLite is loaded and has read the
 * schema, and prints the file named by BENCH_ANSWER.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    static char answer[65536];
    const char *path = getenv("BENCH_DB"), *from = getenv("BENCH_ANSWER");
    sqlite3 *db = NULL;

    if (!path || !from || sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA user_version", NULL, NULL, NULL) != SQLITE_OK)
        return 1;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, answer, sizeof(answer));
    if (len < 0 || write(STDOUT_FILENO, answer, (size_t)len) != len)
        return 1;
    (void)close(fd);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
