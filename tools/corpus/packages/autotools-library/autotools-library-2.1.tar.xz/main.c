#include <stdio.h>
#include "autoadd.h"

int main(void)
{
    printf("%d\n", autoadd(40, 2));
    return 0;
}
