/* What it costs to run a program: spawn COUNT PROGRAM [ARGUMENT...] runs it so often, one after the other, without output,
 * and prints the median of wall-clock microseconds, and of CPU microseconds, a run.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double micros(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cpu_micros(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
    size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
    double *wall = calloc(count, sizeof(*wall)), *cpu = calloc(count, sizeof(*cpu));
    posix_spawn_file_actions_t quiet;

    if (count == 0 || !wall || !cpu) {
        (void)fputs("usage: spawn COUNT PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    (void)posix_spawn_file_actions_init(&quiet);
    (void)posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    for (size_t i = 0; i < count; i++) {
        double began = micros();
        struct rusage used;
        int status;
        pid_t pid;

        if (posix_spawn(&pid, argv[2], &quiet, NULL, argv + 2, environ) != 0 || wait4(pid, &status, 0, &used) != pid ||
            !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            (void)fprintf(stderr, "spawn: %s failed\n", argv[2]);
            return 1;
        }
        wall[i] = micros() - began;
        cpu[i] = cpu_micros(&used);
    }
    (void)posix_spawn_file_actions_destroy(&quiet);
    (void)printf("%.1f %.1f\n", median(wall, count), median(cpu, count));
    free(wall);
    free(cpu);
    return 0;
}
