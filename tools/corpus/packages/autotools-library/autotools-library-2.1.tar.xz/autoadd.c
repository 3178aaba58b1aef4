#include "autoadd.h"

int autoadd(int a, int b)
{
    return a + b;
}
