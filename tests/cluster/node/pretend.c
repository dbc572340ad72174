/* The one program of the images that images.py packs: it waits, crashes, or takes all memory. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number) { (void)number; _exit(0); }
static void bury(int number) { (void)number; while (waitpid(-1, NULL, WNOHANG) > 0) {} }

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "pause";
    if (!strcmp(what, "crash")) return 3;
    if (!strcmp(what, "hog")) {
        const size_t step = 1 << 20;
        for (;;) {
            char *more = malloc(step);
            if (more) memset(more, 1, step);
        }
    }
    signal(SIGINT, end);
    signal(SIGTERM, end);
    signal(SIGCHLD, bury);
    for (;;) pause();
}
