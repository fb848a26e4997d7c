/* Updates a directory: update SERVER RESOURCE DIR. Build: cc update.c $(pkg-config --cflags --libs rbe-update) */
#include <rbe_update.h>
#include <stdio.h>

static void show(void *arg, const struct rbe_update_event *event)
{
    (void)arg;
    if (event->kind == RBE_UPDATE_EVENT_DOWNLOAD)
        printf("\r%llu of %llu bytes", (unsigned long long)event->done, (unsigned long long)event->total);
    else if (*event->text)
        printf("%s %s\n", event->path, event->text);
}

int main(int argc, char **argv)
{
    struct rbe_update_options options = {.size = sizeof(options), .event = show};
    struct rbe_update *update;
    int failed;

    if (argc != 4)
        return 2;
    options.server = argv[1];
    options.resource = argv[2];
    options.dir = argv[3];
    failed = rbe_update_open(&options, &update) != RBE_UPDATE_OK || rbe_update_download(update) != RBE_UPDATE_OK ||
             rbe_update_apply(update) != RBE_UPDATE_OK;
    printf("\n%s\n", failed ? rbe_update_error(update) : rbe_update_installed(update));
    rbe_update_close(update);
    return failed;
}
