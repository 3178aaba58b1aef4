#include <event2/event.h>
#include <nettle/version.h>
#include <nettle/md5.h>
#include <png.h>
#include <seccomp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

int main(void)
{
    struct md5_ctx digest;
    md5_init(&digest);
    printf("%d %d %d %d %d\n", event_get_version() != NULL, png_access_version_number() > 10000, seccomp_version() != NULL, sd_booted() >= 0, sqlite3_libversion_number() > 3000000);
    return 0;
}
