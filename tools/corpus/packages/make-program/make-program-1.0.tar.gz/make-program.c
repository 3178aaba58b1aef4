#include <stdio.h>

int main(void)
{
    puts("made by make");
    return 0;
}
