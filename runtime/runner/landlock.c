#include "runner/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the headers of Debian 12 don't have. */
enum {
    FS_REFER = 1 << 13,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEV = 1 << 15,
    NET_TCP = 3, /* bind and connect */
    SCOPES = 3,  /* abstract sockets and signals */
};
enum {
    READ_FOLDER = LANDLOCK_ACCESS_FS_READ_DIR,
    READ_FILE = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE,
    WRITE_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    WRITE_FOLDER = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                   LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                   LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                   LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER,
    NEVER = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK,
};

/* As the kernel reads it; shorter for older ABIs. */
struct attributes {
    uint64_t fs, net, scopes;
};

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const char *lowered = getenv("REPRISE_LANDLOCK_ABI");
    int most = lowered != NULL ? (int)strtol(lowered, NULL, 10) : (int)abi;
    return abi <= 0 ? 0 : most < abi ? most : (int)abi;
}

static uint64_t known(int abi)
{
    return (FS_REFER - 1) | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
           (abi >= 5 ? FS_IOCTL_DEV : 0);
}

int landlock_new(bool network, struct landlock *landlock, struct error *err)
{
    const int abi = landlock_abi();
    const struct attributes attributes = {known(abi), abi >= 4 && !network ? NET_TCP : 0,
                                          abi >= 6 ? SCOPES : 0};
    const size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (rules < 0)
        return error_errno(err, "cannot make a set of Landlock's rules");
    fcntl(rules, F_SETFD, FD_CLOEXEC);
    *landlock = (struct landlock){rules, attributes.fs};
    return 0;
}

struct landlock landlock_of(int rules)
{
    return (struct landlock){rules, known(landlock_abi())};
}

int landlock_allow(const struct landlock *landlock, const char *path, enum landlock_access access,
                   struct error *err)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0) {
        error_errno(err, "cannot open '%s'", path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    const bool folder = S_ISDIR(st.st_mode), write = access == LANDLOCK_WRITE;
    const uint64_t allowed = READ_FILE | (folder ? READ_FOLDER : 0) | (write ? WRITE_FILE : 0) |
                             (write && folder ? WRITE_FOLDER : 0);
    const struct landlock_path_beneath_attr rule = {.allowed_access = allowed & landlock->known,
                                                    .parent_fd = fd};
    int result =
        syscall(SYS_landlock_add_rule, landlock->rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
            ? error_errno(err, "cannot allow '%s' to a stage", path)
            : 0;
    close(fd);
    return result;
}

int landlock_enter(int rules)
{
    return (int)syscall(SYS_landlock_restrict_self, rules, 0);
}
