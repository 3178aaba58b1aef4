#include <boost/algorithm/string.hpp>
#include <iostream>

int main()
{
    std::cout << boost::to_upper_copy(std::string("boost")) << std::endl;
}
