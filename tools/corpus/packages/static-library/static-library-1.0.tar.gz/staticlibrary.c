#include "staticlibrary.h"

int staticlibrary(void)
{
    return 1;
}
