#include "cmakeprogram.hpp"

std::string color()
{
    return COLOR;
}
