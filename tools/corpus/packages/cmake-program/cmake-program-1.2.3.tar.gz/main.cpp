#include <iostream>
#include "cmakeprogram.hpp"

int main()
{
    std::cout << color() << std::endl;
}
