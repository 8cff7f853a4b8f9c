/* control: the page lies in the file that EQP_CHAOS_CONTROL names; a frontend, which may open none, is
 * handed its descriptor. The test may write it at any time. */
#include "tests/chaos/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct control *page;
static int page_fd = -1;

__attribute__((constructor)) static void map_page(void)
{
        const char *path = getenv("EQP_CHAOS_CONTROL"), *handed = getenv("EQP_CHAOS_CONTROL_FD");
        int fd;
        void *at;

        if (!path && !handed) {
                return;
        }
        fd = path ? open(path, O_RDWR | O_CLOEXEC) : atoi(handed);
        at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) {
                perror("the page of the chaos");
                _exit(2);
        }
        if (path) {
                page_fd = fcntl(fd, F_DUPFD_CLOEXEC,
                                5); /* above all numbers that the frontend's are copied to */
        }
        (void)close(fd);
        page = at;
}

int control_descriptor(void)
{
        return page_fd;
}

struct control *control_get(void)
{
        return page;
}

/* splitmix64: the n-th call of a run draws the same each time. */
static uint64_t draw(uint64_t n)
{
        uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15);

        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

bool control_fails(unsigned kind)
{
        uint64_t ppm, n;

        if (!page || kind >= CONTROL_KINDS) {
                return false;
        }
        ppm = atomic_load(&page->ppm[kind]);
        if (ppm == 0) {
                return false;
        }
        n = atomic_fetch_add(&page->calls[kind], 1);
        if (draw(atomic_load(&page->seed) + n + 1) % 1000000 >= ppm) {
                return false;
        }
        (void)atomic_fetch_add(&page->failed, 1);
        return true;
}
