#include <stdio.h>

int main(void)
{
    puts("ninja");
    return 0;
}
