/*
 * A disk that fails when a test says so, for LD_PRELOAD under a server process.
 *
 * FAULTS_FOLDER names the folder whose regular files are watched, FAULTS_CONTROL a file with a `struct control`, which
 * is mapped and may change at any time; disk_faults.py writes it. Calls outside the folder go through untouched.
 *
 * A failed sync of a file can forget what it should have written, as kernels do: everything behind the place of the
 * last good sync is overwritten with zeros. Who believes a later sync of the same pages is found out by the next read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum operation { WRITE, SYNC, SYNC_FOLDER, RENAME, OPEN, OPERATIONS };

struct control {
    int32_t error[OPERATIONS]; /* errno of the calls that fail; 0: none fails */
    int32_t calls[OPERATIONS]; /* how many more calls fail; -1: all */
    int32_t hits[OPERATIONS];  /* how many have failed */
    int32_t forgets;           /* whether a failed sync forgets */
    int32_t until_death;       /* how many more operations there are before SIGKILL; -1: any number */
    int64_t room_bytes;        /* what the disk still takes; -1: anything */
};

#define FILES_MAX 256
static struct { dev_t device; ino_t inode; off_t bytes; } synced[FILES_MAX];
static int synced_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile struct control *control;
static char folder[PATH_MAX];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("FAULTS_CONTROL"), *watched = getenv("FAULTS_FOLDER");
    if (!where || !watched) return;
    int file = REAL(open)(where, O_RDWR);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    snprintf(folder, sizeof folder, "%s", watched);
    if (mapped != MAP_FAILED) control = mapped;
}

/* An operation of any kind is about to be done: the process may have to die before it. */
static void count_down(void) {
    if (control->until_death < 0) return;
    if (__atomic_fetch_sub(&control->until_death, 1, __ATOMIC_SEQ_CST) == 0) kill(getpid(), SIGKILL);
}

static int fails(enum operation operation) {
    count_down();
    int error = control->error[operation], left = control->calls[operation];
    if (error == 0 || left == 0) return 0;
    if (left > 0) control->calls[operation] = left - 1;
    control->hits[operation]++;
    errno = error;
    return 1;
}

static int is_within(const char *path) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Whether a descriptor is a file or folder that is watched; `facts` are its facts. */
static int is_watched(int descriptor, struct stat *facts) {
    char link[64], path[PATH_MAX];
    if (!control || fstat(descriptor, facts) != 0) return 0;
    if (!S_ISREG(facts->st_mode) && !S_ISDIR(facts->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return is_within(path);
}

static int is_path_watched(const char *path) {
    char here[PATH_MAX];
    if (!control) return 0;
    if (path[0] == '/') return is_within(path);
    return getcwd(here, sizeof here) && is_within(here);
}

/* The bytes of a file that the last good sync has covered. */
static off_t *synced_bytes(const struct stat *facts) {
    for (int at = 0; at < synced_count; at++)
        if (synced[at].device == facts->st_dev && synced[at].inode == facts->st_ino) return &synced[at].bytes;
    int at = synced_count < FILES_MAX ? synced_count++ : FILES_MAX - 1;
    synced[at].device = facts->st_dev;
    synced[at].inode = facts->st_ino;
    synced[at].bytes = 0;
    return &synced[at].bytes;
}

static void forget(int descriptor, const struct stat *facts, off_t from) {
    char link[64], zeros[4096] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int file = REAL(open)(link, O_WRONLY); /* one that does not append */
    while (file >= 0 && from < facts->st_size) {
        off_t left = facts->st_size - from;
        ssize_t done = pwrite(file, zeros, left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros, from);
        if (done <= 0) break;
        from += done;
    }
    if (file >= 0) close(file);
}

static int sync_with(int descriptor, int (*real)(int)) {
    struct stat facts;
    if (!is_watched(descriptor, &facts)) return real(descriptor);
    if (S_ISDIR(facts.st_mode)) return fails(SYNC_FOLDER) ? -1 : real(descriptor);
    pthread_mutex_lock(&lock);
    off_t *bytes = synced_bytes(&facts);
    int outcome = 0;
    if (fails(SYNC)) {
        int error = errno;
        if (control->forgets) forget(descriptor, &facts, *bytes < facts.st_size ? *bytes : facts.st_size);
        errno = error;
        outcome = -1;
    } else if ((outcome = real(descriptor)) == 0) {
        *bytes = facts.st_size;
    }
    pthread_mutex_unlock(&lock);
    return outcome;
}

int fsync(int descriptor) { return sync_with(descriptor, REAL(fsync)); }

int fdatasync(int descriptor) { return sync_with(descriptor, REAL(fdatasync)); }

/* How many of so many bytes the disk takes; -1 with errno if none. */
static ssize_t taken(int descriptor, size_t bytes) {
    struct stat facts;
    if (!is_watched(descriptor, &facts)) return (ssize_t)bytes;
    if (fails(WRITE)) return -1;
    int64_t room = control->room_bytes;
    if (room < 0) return (ssize_t)bytes;
    if (room == 0 && bytes > 0) {
        control->hits[WRITE]++;
        errno = ENOSPC;
        return -1;
    }
    bytes = (int64_t)bytes < room ? bytes : (size_t)room;
    control->room_bytes = room - (int64_t)bytes;
    return (ssize_t)bytes;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    ssize_t takes = taken(descriptor, count);
    return takes < 0 ? -1 : REAL(write)(descriptor, bytes, (size_t)takes);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    struct stat facts;
    if (count > 0 && is_watched(descriptor, &facts)) return write(descriptor, parts[0].iov_base, parts[0].iov_len);
    return REAL(writev)(descriptor, parts, count);
}

int rename(const char *from, const char *to) {
    if (is_path_watched(to) && fails(RENAME)) return -1;
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    if (is_path_watched(path)) count_down();
    return REAL(unlink)(path);
}

static int open_with(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) != O_RDONLY && is_path_watched(path) && fails(OPEN)) return -1;
    return real(path, flags, mode);
}

#define MODE_OF(flags, mode)                     \
    mode_t mode = 0;                             \
    if ((flags) & (O_CREAT | O_TMPFILE)) {       \
        va_list rest;                            \
        va_start(rest, flags);                   \
        mode = (mode_t)va_arg(rest, int);        \
        va_end(rest);                            \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(REAL(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE_OF(flags, mode)
    return open_with(REAL(open64), path, flags, mode);
}

static FILE *fopen_with(FILE *(*real)(const char *, const char *), const char *path, const char *mode) {
    if ((mode[0] != 'r' || strchr(mode, '+')) && is_path_watched(path) && fails(OPEN)) return NULL;
    return real(path, mode);
}

FILE *fopen(const char *path, const char *mode) { return fopen_with(REAL(fopen), path, mode); }

FILE *fopen64(const char *path, const char *mode) { return fopen_with(REAL(fopen64), path, mode); }
