#include <stdio.h>

int versioned_answer(void);

int main(void)
{
    printf("%d\n", versioned_answer());
    return 0;
}
