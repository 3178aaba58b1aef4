#include "mesonlibrary.h"

int main(void)
{
    return mesonlibrary_level() == 9 ? 0 : 1;
}
