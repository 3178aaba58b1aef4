#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

int main(void)
{
    printf("%d\n", crc32(0, NULL, 0) == 0 && ZSTD_versionNumber() > 0);
    return 0;
}
