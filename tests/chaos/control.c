/* control: the page lies in the file that EQP_CHAOS_CONTROL names. Whoever tests may write it at any time.
 */
#include "tests/chaos/control.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct control *page;

__attribute__((constructor)) static void map_page(void)
{
        const char *path = getenv("EQP_CHAOS_CONTROL");
        int fd;
        void *at;

        if (!path) {
                return;
        }
        fd = open(path, O_RDWR | O_CLOEXEC);
        at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED) {
                perror(path);
                _exit(2);
        }
        (void)close(fd);
        page = at;
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
