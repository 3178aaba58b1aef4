#include <iostream>

int main()
{
    std::cout << "second\n";
}
