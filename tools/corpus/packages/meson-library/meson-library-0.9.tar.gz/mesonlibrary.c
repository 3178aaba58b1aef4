#include <zlib.h>
#include "mesonlibrary.h"

int mesonlibrary_bound(int size)
{
    return compressBound(size);
}

int mesonlibrary_level(void)
{
    return LEVEL;
}
