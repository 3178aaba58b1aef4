#include <stdio.h>

int main(void)
{
    puts("old");
    return 0;
}
