/* The floor that answers are measured against: a FastCGI program that reads nothing and decides nothing, by the loop that
 * libfcgi's manual shows.
 *
 *     empty SOCKET WORKERS ANSWER    makes the socket and answers in so many processes; WORKERS 0: this one, on descriptor 0
 *
 * ANSWER is a file with the bytes of one CGI answer, head and body.
 */
#include <fcgiapp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int serve(int listen_fd, const char *answer, int len)
{
    FCGX_Request request;

    /* libfcgi would catch it and only look between two requests, so one that comes just before it waits for the next is lost. */
    if (FCGX_Init() != 0 || signal(SIGTERM, SIG_DFL) == SIG_ERR || FCGX_InitRequest(&request, listen_fd, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        (void)FCGX_PutStr(answer, len, request.out);
        FCGX_Finish_r(&request);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char answer[65536];
    int fd = argc == 4 ? open(argv[3], O_RDONLY | O_CLOEXEC) : -1;
    ssize_t len = fd >= 0 ? read(fd, answer, sizeof(answer)) : -1;

    if (len < 0) {
        (void)fputs("usage: empty SOCKET WORKERS ANSWER\n", stderr);
        return 2;
    }
    long workers = strtol(argv[2], NULL, 10);
    if (workers == 0)
        return serve(STDIN_FILENO, answer, (int)len);
    int listen_fd = FCGX_OpenSocket(argv[1], 128);
    if (listen_fd < 0)
        return 1;
    for (long i = 0; i < workers; i++) {
        if (fork() != 0)
            continue;
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        return serve(listen_fd, answer, (int)len);
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
