/* Keeps a record of what a process writes to its database files, and when that was on the disk for certain.
 *
 * Loaded before everything else (LD_PRELOAD), silent unless DISSEM_RECORD names a file. A write is recorded before it
 * is made; of a sync both its beginning and its end are, so that what was written meanwhile does not count as synced.
 * While DISSEM_FULL is set, the disk is full for these files.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head { uint8_t what, path; uint16_t none; uint32_t thread; uint64_t at, size; } __attribute__((packed));

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void note(char what, const char *path, size_t length, uint64_t at, const void *data, uint64_t size)
{
    const char *file = getenv("DISSEM_RECORD");
    if (!file || !*file) return;
    struct head head = {what, (uint8_t)length, 0, (uint32_t)syscall(SYS_gettid), at, size};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, length}, {(void *)data, data ? size : 0}};
    pthread_mutex_lock(&one);
    if (record < 0) record = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (writev(record, parts, 3) < 0) abort();
    pthread_mutex_unlock(&one);
}

static int is_ours(const char *path, size_t length)
{
    return (length > 3 && !memcmp(path + length - 3, ".db", 3))
        || (length > 7 && !memcmp(path + length - 7, ".db-wal", 7));
}

/* Answers whether it may be done. */
static int noted(char what, int fd, uint64_t at, const void *data, uint64_t size)
{
    char link[32] = "/proc/self/fd/", path[256], digits[12];
    int n = 0, d = 14;
    for (int left = fd; n == 0 || left; left /= 10) digits[n++] = '0' + left % 10;
    while (n) link[d++] = digits[--n];
    link[d] = 0;
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || !is_ours(path, length)) return 1;
    if (what == 'w' && getenv("DISSEM_FULL")) { errno = ENOSPC; return 0; }
    note(what, path, length, at, data, size);
    return 1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    REAL(pwrite); return noted('w', fd, at, data, size) ? real(fd, data, size, at) : -1;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(pwrite64); return noted('w', fd, at, data, size) ? real(fd, data, size, at) : -1;
}
int ftruncate(int fd, off_t size) { REAL(ftruncate); noted('t', fd, size, 0, 0); return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); noted('t', fd, size, 0, 0); return real(fd, size); }
int fsync(int fd)
{
    REAL(fsync); noted('b', fd, 0, 0, 0); int done = real(fd); if (!done) noted('e', fd, 0, 0, 0); return done;
}
int fdatasync(int fd)
{
    REAL(fdatasync); noted('b', fd, 0, 0, 0); int done = real(fd); if (!done) noted('e', fd, 0, 0, 0); return done;
}
int unlink(const char *path)
{
    REAL(unlink);
    size_t length = strlen(path);
    if (is_ours(path, length)) note('u', path, length, 0, 0, 0);
    return real(path);
}
