/* Stands between agio and libc (LD_PRELOAD), and fails as disks and clocks do while a file lies in the folder $SHIM:

   sync   the next fdatasync of a file of the log fails with EIO, once: the file is removed
   dead   every fdatasync of a file of the log fails with EIO
   hang   a fdatasync of a file of the log does not come back, as on a network disk that is gone
   full   no space is left: what would make a file longer fails with ENOSPC, and none is free
   clock  the wall clock is as many seconds away as the file says */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *trigger(const char *name, char *path) {
    const char *folder = getenv("SHIM");
    snprintf(path, 4096, "%s/%s", folder ? folder : "/nonexistent", name);
    return path;
}

static int is_set(const char *name) {
    char path[4096];
    return access(trigger(name, path), F_OK) == 0;
}

static int is_of_the_log(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/log/") != NULL;
}

int fdatasync(int file) {
    char path[4096];
    if (is_set("sync") && is_of_the_log(file) && unlink(trigger("sync", path)) == 0) {
        errno = EIO;
        return -1;
    }
    if (is_set("dead") && is_of_the_log(file)) {
        errno = EIO;
        return -1;
    }
    while (is_set("hang") && is_of_the_log(file)) usleep(10000);
    return REAL(fdatasync)(file);
}

static int is_full_for(int file, off_t end) {
    struct stat about;
    return is_set("full") && fstat(file, &about) == 0 && S_ISREG(about.st_mode) && end > about.st_size;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    if (is_full_for(file, offset + count)) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(pwrite64)(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}

int fallocate64(int file, int mode, off64_t offset, off64_t length) {
    if (is_full_for(file, offset + length)) {
        errno = ENOSPC;
        return -1;
    }
    return REAL(fallocate64)(file, mode, offset, length);
}

int fallocate(int file, int mode, off_t offset, off_t length) {
    return fallocate64(file, mode, offset, length);
}

int statvfs64(const char *path, struct statvfs64 *found) {
    int result = REAL(statvfs64)(path, found);
    if (result == 0 && is_set("full")) found->f_bavail = found->f_bfree = 0;
    return result;
}

int statvfs(const char *path, struct statvfs *found) {
    int result = REAL(statvfs)(path, found);
    if (result == 0 && is_set("full")) found->f_bavail = found->f_bfree = 0;
    return result;
}

int clock_gettime(clockid_t which, struct timespec *time) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int result = real(which, time);
    char path[4096], text[32] = {0};
    if (result != 0 || which != CLOCK_REALTIME) return result;
    int file = open(trigger("clock", path), O_RDONLY | O_CLOEXEC);
    if (file < 0) return result;
    if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
    close(file);
    return result;
}
